"""From adapters of a bank to what other masks would give."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spex_data.errors import StoreError, TrainingError
from spex_data.evaluation import evaluate_targets, make_targets
from spex_data.surrogate import (
    Surrogate,
    build_surrogate,
    check_anchors,
    group_scores,
    spread_masks,
    surrogate_fingerprint,
)
from spex_data.surrogate import features as features_module
from spex_data.surrogate import surrogate as surrogate_module
from spex_data.value_functions import SubsetTraining
from tests.training.tiny_models import quick_recipe, some_examples, some_groups, tiny_model

MASKS = np.array([[1, 0, 1, 1], [0, 1, 0, 1], [1, 1, 1, 1]], dtype=bool)
SEEDS = np.array([1, 2, 3])


def function_of(kind="llama", **changes):
    base = tiny_model(kind, dtype=torch.float64)
    examples, asked = some_examples(base.task, n=12), some_examples(base.task, n=3, seed=9)
    targets = make_targets(base.task, asked.inputs, asked.outputs)
    return SubsetTraining(base, examples, some_groups(examples), quick_recipe(**changes), targets, 1)


ONE_STEP = {
    "optimizer": "sgd",
    "learning_rate": 1e-3,
    "epochs": 1,
    "steps_per_epoch": 1,
    "decay": "constant",
    "clip_norm": 0,
}


def at_rest(bank, function):
    """An adapter before training: B is 0, the head the base model's."""
    head = dict(function.base_model.model.named_parameters())

    def before(name, one):
        if "lora_A" in name:
            return one
        plain = name.removeprefix("base_model.model.")
        return one * 0 if "lora_B" in name else head[plain][None].to(one).clone()

    return replace(bank, tensors={name: before(name, one) for name, one in bank.tensors.items()})


def built(function, bank, **changes):
    return build_surrogate(
        function.base_model,
        function.examples,
        function.grouping,
        function.targets,
        changes.get("recipe", function.recipe),
        [bank],
    )


@pytest.fixture(scope="module")
def llama():
    function = function_of()
    return function, function(MASKS, SEEDS).bank


class TestSurrogate:
    """Gradients at the anchors, and a clock set by their losses."""

    def test_the_empty_mask_has_the_values_of_the_base_model(self, llama):
        function, bank = llama
        found = built(function, bank).simulate(function.grouping, np.zeros((1, 4), dtype=bool))
        expected = evaluate_targets(function.base_model.model, function.base_model, function.targets)
        np.testing.assert_allclose(found[0], np.repeat(expected[:, None], 5, axis=1), atol=1e-4)

    @pytest.mark.parametrize("kind", ["llama", "bert"])
    def test_one_small_step_of_real_training_goes_where_it_says(self, kind):
        function = function_of(kind, **ONE_STEP)
        masks = np.random.default_rng(0).random((6, 4)) < 0.6
        masks[0] = True
        measured = function(masks, np.full(6, 7))
        tangent = built(function, at_rest(measured.bank.select([0]), function)).tangent
        base = function.base_model
        real = measured.values - evaluate_targets(base.model, base, function.targets)
        pace = np.full(6, function.recipe.learning_rate / tangent.stride)
        said = tangent.simulate(function.grouping.present(masks), 1, pace)[:, :, 2]
        said = said - tangent.values(tangent.start[None, len(tangent.training) :])
        assert np.corrcoef(real.ravel(), said.ravel())[0, 1] > 0.99
        assert float((real * said).sum() / (said * said).sum()) == pytest.approx(1.0, abs=0.1)

    def test_it_is_the_same_after_saving_and_loading(self, llama, tmp_path):
        function, bank = llama
        made = built(function, bank)
        made.save(tmp_path / "one.safetensors")
        again = Surrogate.load(tmp_path / "one.safetensors")
        groups = function.grouping
        np.testing.assert_array_equal(made.simulate(groups, MASKS), again.simulate(groups, MASKS))
        np.testing.assert_array_equal(group_scores(made, groups), group_scores(again, groups))
        assert again.fingerprint == made.fingerprint

    def test_a_file_of_something_else_is_refused(self, tmp_path):
        (tmp_path / "one.safetensors").write_bytes(b"nothing of the kind")
        with pytest.raises(StoreError, match="is no surrogate"):
            Surrogate.load(tmp_path / "one.safetensors")

    def test_its_fingerprint_knows_the_anchors_and_the_targets(self, llama):
        function, bank = llama
        base, examples, recipe = function.base_model, function.examples, function.recipe
        prints = {
            surrogate_fingerprint(base, examples, targets, recipe, [bank.select(rows)])
            for targets in (function.targets, function.targets.select([0]))
            for rows in ([0, 1], [0, 2])
        }
        assert len(prints) == 4

    def test_more_examples_than_fit_are_refused_before_any_gradient_is_taken(self, llama, monkeypatch):
        function, bank = llama
        monkeypatch.setattr(surrogate_module, "MOST_MARGINS", 20)
        monkeypatch.setattr(surrogate_module, "anchored_features", None)
        with pytest.raises(TrainingError, match=r"keeps 4,096 numbers of each of [0-9]+ pieces.*than 20"):
            built(function, bank)

    def test_a_sample_that_is_too_large_to_hold_is_computed_twice_to_the_same(self, llama, monkeypatch):
        function, bank = llama
        held = built(function, bank).tangent.features
        monkeypatch.setattr(features_module, "_HELD", 0)
        again = built(function, bank).tangent.features
        np.testing.assert_allclose(
            again @ again.T, held @ held.T, rtol=1e-4, atol=1e-5 * np.abs(held @ held.T).max()
        )

    def test_features_have_the_kernel_as_inner_products_and_no_more_numbers_than_its_rank(self):
        kept = np.random.default_rng(0).normal(size=(40, 7)).astype(np.float32)
        kept[5] = 0
        found = features_module._root(kept @ kept.T)
        assert found.shape == (40, 7)
        np.testing.assert_allclose(found @ found.T, kept @ kept.T, atol=1e-4)

    def test_many_examples_are_projected_instead_of_paired(self, llama, monkeypatch):
        function, bank = llama
        exact = built(function, bank).tangent.features
        monkeypatch.setattr(features_module, "WIDTH", 18)
        few = built(function, bank).tangent.features
        assert few.shape == (len(exact), 18)
        kernels = [(one @ one.T).ravel() for one in (exact, few)]
        assert np.corrcoef(*kernels)[0, 1] > 0.6


class TestScores:
    """One number a group, linear in masks."""

    def test_they_are_the_first_order_effect_written_out(self, llama):
        function, bank = llama
        made = built(function, bank)
        tangent, n = made.tangent, len(made.tangent.training)
        kernel = tangent.features.astype(float) @ tangent.features.astype(float).T
        slopes = tangent.slopes()
        expected = np.zeros((4, 3))
        for group, rows in enumerate(function.grouping.members):
            for piece, owner in enumerate(tangent.training.owners):
                if owner in rows:
                    pull = made.pull[piece] / tangent.training.tokens[owner]
                    expected[group] += slopes @ kernel[n:, piece] * pull
        np.testing.assert_allclose(group_scores(made, function.grouping), expected, rtol=1e-6)

    def test_a_large_ridge_is_the_first_order_effect_again(self, llama):
        function, bank = llama
        made = built(function, bank)
        plain, ridged = (group_scores(made, function.grouping, ridge=r) for r in (None, 1e7))
        assert np.corrcoef(plain.ravel(), ridged.ravel())[0, 1] > 0.9999

    def test_with_a_ridge_they_are_those_of_the_kernel_of_all_examples(self, llama):
        function, bank = llama
        made = built(function, bank)
        tangent, n = made.tangent, len(made.tangent.training)
        kernel = tangent.features.astype(float) @ tangent.features.astype(float).T
        penalty = 0.1 * np.trace(kernel[:n, :n]) / n
        ridged = kernel[n:, :n] @ np.linalg.inv(kernel[:n, :n] + penalty * np.eye(n))
        each = tangent.slopes() @ ridged * made.pull / tangent.training.tokens[tangent.training.owners]
        expected = [
            each[:, np.isin(tangent.training.owners, list(rows))].sum(axis=1)
            for rows in function.grouping.members
        ]
        found = group_scores(made, function.grouping, ridge=0.1)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)

    def test_a_ridge_of_nothing_is_refused(self, llama):
        function, bank = llama
        with pytest.raises(TrainingError, match="ridge: is 0"):
            group_scores(built(function, bank), function.grouping, ridge=0)


class TestAnchors:
    """Adapters that say something of this model and recipe, far from each other."""

    def test_they_are_spread(self):
        masks = np.array([[0, 0, 0, 0], [0, 0, 0, 1], [1, 1, 1, 1], [1, 1, 1, 0], [0, 0, 1, 1]], dtype=bool)
        assert spread_masks(masks, 3) == [0, 2, 4]

    def test_fewer_masks_than_anchors_are_refused(self):
        with pytest.raises(TrainingError, match="needs 8 adapters as anchors, and 3 are kept"):
            spread_masks(MASKS, 8)

    def test_adapters_of_another_recipe_are_refused(self, llama):
        function, bank = llama
        with pytest.raises(TrainingError, match="was trained by the recipe"):
            check_anchors([bank], function.base_model, quick_recipe(rank=3))

    def test_adapters_of_another_model_are_refused(self, llama):
        function, bank = llama
        with pytest.raises(TrainingError, match="was trained on the model"):
            check_anchors([replace(bank, base_fingerprint="0" * 64)], function.base_model, function.recipe)

    def test_an_adapter_whose_loss_is_not_finite_is_refused(self, llama):
        function, bank = llama
        for broken in (
            replace(bank, losses=np.array([0.1, np.nan, 0.2])),
            replace(bank, causes=(None, "the loss became nan", None)),
        ):
            with pytest.raises(TrainingError, match="did not train"):
                check_anchors([broken], function.base_model, function.recipe)

    def test_no_bank_at_all_is_refused_with_the_cost(self, llama):
        function, _ = llama
        with pytest.raises(TrainingError, match=r"has no adapters.*each anchor is one more fine-tune"):
            check_anchors([], function.base_model, function.recipe)
