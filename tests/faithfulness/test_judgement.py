"""The verdict on held-out masks."""

import numpy as np
import pytest

from spex_data.errors import DecodingError
from spex_data.faithfulness import faithfulness, r2
from spex_data.spectra import FourierExpansion

GAME = FourierExpansion(4, ((), (0,), (1, 2)), np.array([[1.0, 0.0], [0.5, 2.0], [-1.0, 0.3]]))
MASKS = np.random.default_rng(0).random((40, 4)) < 0.5


class TestFaithfulness:
    """One verdict a target."""

    def test_the_function_itself_scores_one_on_every_target(self):
        judged = faithfulness(GAME, MASKS, np.repeat(GAME.evaluate(MASKS)[:, None, :], 2, axis=1))
        assert [(round(j.r2, 12), round(j.spearman, 12), j.noise_ceiling.value) for j in judged] == [
            (1, 1, 1)
        ] * 2
        assert [(j.n_masks, j.n_seeds) for j in judged] == [(40, 2.0)] * 2

    def test_the_mean_over_seeds_is_what_is_predicted(self):
        noise = np.random.default_rng(1).normal(size=(40, 3, 2))
        values = GAME.evaluate(MASKS)[:, None, :] + noise
        values[:, 2, 0] = np.nan
        judged = faithfulness(GAME, MASKS, values)
        predicted = GAME.evaluate(MASKS)
        assert judged[0].r2 == pytest.approx(r2(values[:, :2, 0].mean(axis=1), predicted[:, 0]))
        assert judged[1].r2 == pytest.approx(r2(values[:, :, 1].mean(axis=1), predicted[:, 1]))

    def test_a_mask_that_failed_for_one_target_is_left_out_for_it_alone(self):
        values = np.repeat(GAME.evaluate(MASKS)[:, None, :], 2, axis=1)
        values[5, :, 1] = np.nan
        assert [judged.n_masks for judged in faithfulness(GAME, MASKS, values)] == [40, 39]

    def test_one_target_needs_no_axis(self):
        alone = FourierExpansion(4, GAME.terms, GAME.coefficients[:, 1])
        (judged,) = faithfulness(alone, MASKS, alone.evaluate(MASKS)[:, None])
        assert judged.r2 == 1.0
        assert judged.noise_ceiling.value is None

    def test_without_held_out_masks_all_is_unknown(self):
        judged = faithfulness(GAME, np.zeros((0, 4), dtype=bool), np.zeros((0, 0, 2)))
        assert [(j.r2, j.spearman, j.noise_ceiling.value, j.n_masks) for j in judged] == [
            (None,) * 3 + (0,)
        ] * 2

    def test_replicates_of_other_masks_or_targets_are_refused(self):
        with pytest.raises(DecodingError, match="40 masks and 2 targets"):
            faithfulness(GAME, MASKS, np.zeros((39, 2, 2)))
        with pytest.raises(DecodingError, match="40 masks and 2 targets"):
            faithfulness(GAME, MASKS, np.zeros((40, 2, 3)))
