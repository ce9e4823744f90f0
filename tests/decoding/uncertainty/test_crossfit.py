"""Fits without each fold, as decoders keep them."""

import numpy as np
import pytest

from spex_data.decoding import NAMES, decoder
from spex_data.decoding.uncertainty.crossfit import FoldFits, blended
from spex_data.spectra import FourierExpansion

GAME = FourierExpansion.from_mapping(6, {(): 3.0, (0,): 1.0, (2,): -0.5, (0, 2): 0.5, (1, 3, 4): 0.4})


def of(*constants):
    return tuple(FourierExpansion.from_mapping(2, {(): value}) for value in constants)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "spex"])  # its masks hang together
class TestEveryMethod:
    """What is kept of the fits is what predicted."""

    def test_the_folds_fits_predict_what_was_said_out_of_fold(self, name):
        rng = np.random.default_rng(0)
        masks = rng.random((60, 6)) < 0.5
        values = GAME.evaluate(masks) + 0.3 * rng.normal(size=60)
        found = decoder(name).decode(masks, values)
        fit = found.fits[0]
        # ridge says what it does of a row without that row alone, and so does its part of a blend; behind a
        # link the fits leave out sets of more than five groups
        slack = {"linear": 0.5, "auto": 0.5, "warped-gp": 0.05}.get(name, 1e-9)
        assert fit.folds.predict(found.masks) == pytest.approx(fit.out_of_fold, abs=slack)

    def test_a_group_that_never_varies_is_in_no_folds_fit(self, name):
        rng = np.random.default_rng(0)
        masks = rng.random((60, 6)) < 0.5
        masks[:, 3] = True
        found = decoder(name).decode(masks, GAME.evaluate(masks) + 0.3 * rng.normal(size=60))
        kept = found.fits[0].folds
        assert not any(3 in term for expansion in kept.expansions for term in expansion.terms)


class TestBlended:
    """Weighted sums of fold fits."""

    def test_fits_of_the_same_folds_are_added_fold_by_fold(self):
        folds = np.array([0, 1, 0])
        found = blended([(0.5, FoldFits(folds, of(1.0, 2.0))), (0.25, FoldFits(folds, of(4.0, 8.0)))], 2.0)
        # mean + sum of w (f - mean)
        assert found.predict(np.zeros((3, 2), dtype=np.bool_)) == pytest.approx([2.0, 3.5, 2.0])

    def test_fits_of_other_folds_meet_where_both_leave_a_row_out(self):
        found = blended(
            [
                (0.5, FoldFits(np.array([0, 0, 1, 1]), of(1.0, 2.0))),
                (0.5, FoldFits(np.array([0, 1, 1, 1]), of(10.0, 20.0))),
            ],
            0.0,
        )
        assert found.predict(np.zeros((4, 2), dtype=np.bool_)) == pytest.approx([5.5, 10.5, 11.0, 11.0])
