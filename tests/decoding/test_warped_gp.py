"""The process behind a link."""

import numpy as np
import pytest

from spex_data.decoding import decoder
from spex_data.faithfulness import r2
from spex_data.spectra import FourierExpansion

LATENT = FourierExpansion.from_mapping(
    10, {(): 0.0, (0,): -1.0, (1,): -0.8, (2,): 0.8, (3,): -0.6, (0, 1): 0.8, (4, 5): -0.6}
)


def saturated(m, seed=0, groups=10):
    rng = np.random.default_rng(seed)
    masks = rng.random((m, groups)) < 0.5
    return masks, 1.0 / (1.0 + np.exp(-2.5 * LATENT.evaluate(masks[:, :10])))


class TestWarpedGp:
    """Values that are a monotone function of a sum."""

    @pytest.mark.parametrize("groups", [10, 20])
    def test_it_predicts_values_that_saturate_better_than_the_process_alone(self, groups):
        masks, values = saturated(150, groups=groups)
        unseen, truth = saturated(1000, seed=1, groups=groups)
        score = {
            name: r2(truth, decoder(name).decode(masks, values).evaluate(unseen))
            for name in ("walsh-gp", "warped-gp")
        }
        assert score["warped-gp"] > score["walsh-gp"] + 0.01

    def test_predictions_stay_near_the_range_of_values(self):
        masks, values = saturated(150)
        predicted = decoder("warped-gp").decode(masks, values).evaluate(saturated(1000, seed=1)[0])
        assert predicted.min() > -0.05
        assert predicted.max() < 1.05

    @pytest.mark.parametrize("m", [120, 400])
    def test_its_out_of_fold_score_is_about_what_new_masks_give(self, m):
        masks, values = saturated(m)
        unseen, truth = saturated(2000, seed=1)
        found = decoder("warped-gp").decode(masks, values)
        assert found.diagnostics.cv_r2 == pytest.approx(r2(truth, found.evaluate(unseen)), abs=0.06)

    def test_it_says_how_well_the_expansion_stands_for_the_process(self):
        masks, values = saturated(150)
        settings = decoder("warped-gp").decode(masks, values).diagnostics.settings
        assert 0.9 < settings["fidelity"] <= 1.0

    def test_an_expansion_too_small_for_the_process_has_no_score(self):
        rng = np.random.default_rng(0)
        masks = rng.random((200, 10)) < 0.5
        values = np.exp(2.0 * masks[:, :6].sum(axis=1)) * (1.0 + 0.01 * rng.random(200))
        assert decoder("warped-gp", max_order=1).decode(masks, values).diagnostics.cv_r2 is None

    def test_what_the_expansion_leaves_out_counts_in_its_score(self):
        rng = np.random.default_rng(0)
        weights, masks = rng.normal(size=40), rng.random((2400, 40)) < 0.5
        values = np.tanh(0.3 * (masks - 0.5) @ weights)
        found = decoder("warped-gp", max_order=2).decode(masks[:400], values[:400])
        assert 0.9 < found.diagnostics.settings["fidelity"] < 0.97
        score = r2(values[400:], found.evaluate(masks[400:]))
        assert found.diagnostics.cv_r2 == pytest.approx(score, abs=0.01)
