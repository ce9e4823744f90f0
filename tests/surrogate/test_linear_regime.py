"""Where learning rates are small a model trains as its tangent does: there the simulation must be right."""

import numpy as np
import pytest

from spex_data.evaluation import evaluate_targets
from spex_data.surrogate import build_surrogate
from tests.surrogate.test_surrogate import at_rest, function_of
from tests.training.tiny_models import norms_in_full_precision

STEPS = 6
FLOW = {
    "optimizer": "sgd",
    "epochs": STEPS,
    "steps_per_epoch": 1,
    "decay": "constant",
    "clip_norm": 0,
}
MASKS = np.array([[1, 1, 1, 1], [1, 0, 1, 1], [0, 1, 0, 1], [0, 0, 1, 0]], dtype=bool)
RECIPES = {
    "every linear layer": {},
    "two layers of a block": {"target_modules": ("q_proj", "down_proj")},
    "the last block": {"layers": "last-1"},
    "rank-stabilised": {"rslora": True, "rank": 4},
}


def miss(function, seed):
    """|said - real| / |real| of the changes of targets; gradients are taken at a seed's first adapter."""
    measured = function(MASKS, np.full(len(MASKS), 7))
    bank = at_rest(function(MASKS[:1], np.array([seed])).bank, function)
    made = build_surrogate(
        function.base_model,
        function.examples,
        function.grouping,
        function.targets,
        function.recipe,
        [bank],
    )
    tangent, base = made.tangent, function.base_model
    before = evaluate_targets(base.model, base, function.targets)
    # Eight steps of the simulation last as long as all steps of training.
    pace = np.full(len(MASKS), STEPS * function.recipe.learning_rate / tangent.stride / 8)
    said = tangent.simulate(function.grouping.present(MASKS), 8, pace)[:, :, 2] - before
    real = measured.values - before
    return float(np.linalg.norm(said - real) / np.linalg.norm(real))


def missed(kind, rate, *, seed=7, **changes):
    function = function_of(kind, **FLOW, learning_rate=rate, **changes)
    with norms_in_full_precision(function.base_model.model):
        return miss(function, seed)


class TestLinearRegime:
    """The simulated change of every target approaches the really trained one as the learning rate falls."""

    @pytest.mark.parametrize("kind", ["llama", "qwen2", "gpt2", "bert", "llama-classifier"])
    def test_a_hundredth_of_the_rate_misses_by_a_hundredth_for_every_kind_of_model(self, kind):
        quick, slow = (missed(kind, rate) for rate in (1e-2, 1e-4))
        assert slow < 0.005
        assert slow < 0.03 * quick

    @pytest.mark.parametrize("changes", RECIPES.values(), ids=list(RECIPES))
    def test_full_batch_training_is_simulated_for_every_recipe(self, changes):
        assert missed("llama", 1e-4, **changes) < 0.01

    def test_gradients_at_an_adapter_of_another_seed_would_be_noticed(self):
        """Else nothing above could fail."""
        assert missed("llama", 1e-4, seed=8) > 0.1
