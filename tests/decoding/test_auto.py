"""The blend."""

from dataclasses import dataclass

import numpy as np
import pytest

from spex_data.decoding import decoder
from spex_data.decoding.auto import Auto
from spex_data.decoding.costs import estimated_seconds
from spex_data.decoding.problem import checked_problem
from spex_data.decoding.target_fit import TargetFit
from spex_data.faithfulness import r2
from spex_data.spectra import FourierExpansion, MoebiusExpansion
from tests.strategies import all_masks

GAME = MoebiusExpansion.from_mapping(
    12, {(): 1.0, (0, 1): 3.0, (2, 3, 4): 3.0, (5,): 1.0, (6,): -1.0, (5, 6): 1.0}
).to_fourier()
METHODS = ("linear", "fast", "walsh-gp", "warped-gp", "lasso", "spike-slab", "proxyspex")


def drawn(m, noise, seed=0):
    rng = np.random.default_rng(seed)
    masks = rng.random((m, 12)) < 0.5
    return masks, GAME.evaluate(masks) + noise * rng.normal(size=m)


class TestAuto:
    """Every method has a say out of fold."""

    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_it_is_nearly_as_good_as_its_best_method(self, seed):
        masks, values = drawn(150, 1.0, seed)
        unseen, truth = drawn(1000, 0.0, seed + 100)
        scores = {
            name: r2(truth, decoder(name).decode(masks, values).evaluate(unseen))
            for name in (*METHODS, "auto")
        }
        assert scores["auto"] > max(scores.values()) - 0.03

    def test_diagnostics_hold_every_methods_score_and_weight(self):
        masks, values = drawn(120, 0.5)
        found = decoder("auto").decode(masks, values).diagnostics
        assert set(found.scores) == {*METHODS, "auto"}
        assert {f"weight of {name}" for name in METHODS} <= set(found.settings)
        assert found.settings["best_method"] in METHODS
        assert found.cv_r2 == found.scores["auto"]

    def test_coefficients_and_the_list_are_the_blends(self):
        masks, values = drawn(150, 0.5)
        found = decoder("auto").decode(masks, values)
        for each in found.interactions():
            moebius = found.expansion.discrete_derivative(each.members, lambda _: 1.0)
            assert each.moebius == pytest.approx(moebius)
        parts = [decoder(name).decode(masks, values) for name in METHODS]
        weights = [found.diagnostics.settings[f"weight of {name}"] for name in METHODS]
        expected = sum(w * part.coefficient((0, 1)) for w, part in zip(weights, parts, strict=True))
        assert found.coefficient((0, 1)) == pytest.approx(expected)

    def test_the_list_is_the_best_methods_where_masks_follow_no_law(self):
        masks, values = drawn(150, 0.5)
        masks[:, 1] = masks[:, 0] ^ (np.arange(150) < 8)
        found = decoder("auto").decode(masks, values)
        single = decoder(found.diagnostics.settings["best_method"]).decode(masks, values)
        assert found.interactions() == single.interactions()

    def test_planted_interactions_lead_its_list(self):
        masks, values = drawn(250, 0.5)
        listed = decoder("auto").decode(masks, values).interactions()
        assert {(0, 1), (2, 3, 4)} <= {i.members for i in listed[:8]}

    def test_a_small_budget_leaves_the_costly_methods_out(self):
        masks, values = drawn(60, 0.5)
        found = decoder("auto", cpu_seconds=0.0).decode(masks, values)
        assert set(found.diagnostics.scores) == {"linear", "fast", "auto"}
        assert Auto().cpu_seconds > sum(
            estimated_seconds(name, checked_problem(masks, values)) for name in METHODS
        )

    def test_a_method_for_which_there_is_no_time_does_not_keep_out_a_cheaper_one(self):
        rng = np.random.default_rng(0)
        masks, values = rng.random((100, 40)) < 0.5, rng.normal(size=100)
        problem = checked_problem(masks, values)
        before = METHODS[: METHODS.index("spike-slab")]
        assert estimated_seconds("spike-slab", problem) < estimated_seconds("lasso", problem)
        budget = sum(estimated_seconds(name, problem) for name in before) - 0.01
        found = decoder("auto", cpu_seconds=budget).decode(masks, values)
        assert {"lasso", "spike-slab"} & set(found.diagnostics.scores) == {"spike-slab"}


class TestRareEffects:
    """What a few masks do is no noise."""

    def test_the_loss_of_all_of_three_substitutes_is_predicted_from_the_few_masks_that_lack_them(self):
        def game(m, seed):
            rng = np.random.default_rng(seed)
            masks = rng.random((m, 16)) < 0.5
            lost = ~masks[:, :3].any(axis=1)
            return masks, -10.0 * lost, rng

        masks, values, rng = game(120, 0)
        unseen, truth, _ = game(1000, 1)
        found = decoder("auto").decode(masks, values + 0.5 * rng.normal(size=120))
        assert r2(truth, found.evaluate(unseen)) > 0.9


@dataclass(frozen=True)
class Foretold:
    """Predicts given numbers out of fold, and may hold sets to act."""

    out_of_fold: np.ndarray
    acting: dict | None = None
    expansion = FourierExpansion.from_mapping(6, {(): 0.0})

    def fit(self, problem):
        return [TargetFit(self.expansion, out_of_fold=self.out_of_fold, acting=self.acting)]


class TestWhatActs:
    """A model has a say in what is reported as long as it has one in what is predicted."""

    @pytest.mark.parametrize(("error", "believed"), [(0.2, True), (30.0, False)])
    def test_a_model_without_weight_in_the_blend_is_not_believed(self, monkeypatch, error, believed):
        rng = np.random.default_rng(0)
        masks, values = all_masks(6), rng.normal(size=64)
        close, guess = (values + size * rng.normal(size=64) for size in (0.2, error))
        methods = {
            "fast": lambda **_: Foretold(close),
            "spike-slab": lambda **_: Foretold(guess, {(0, 1): 0.9}),
        }
        monkeypatch.setattr("spex_data.decoding.auto._METHODS", methods)
        found = Auto().fit(checked_problem(masks, values))[0]
        assert (found.settings["weight of spike-slab"] > 0) == believed
        assert (found.acting is not None) == believed
