from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from spex_data.reports import what_if as module
from spex_data.reports import what_ifs
from spex_data.reports.what_if import conformal_half_width, script_data, told
from spex_data.spectra import FourierExpansion
from tests.strategies import all_masks, sparse_games

NOTHING = np.zeros((0, 1))


class TestWhatIfs:
    """What a page predicts from is the expansion, or says how far from it it is."""

    @settings(deadline=None, max_examples=50)
    @given(sparse_games())
    def test_a_short_expansion_is_kept_whole(self, game):
        (kept,) = what_ifs(game, all_masks(game.n_groups), NOTHING, NOTHING)
        again = FourierExpansion(game.n_groups, kept.terms, np.array(kept.coefficients))
        masks = all_masks(game.n_groups)
        assert kept.agreement == 1.0
        np.testing.assert_allclose(again.evaluate(masks), game.evaluate(masks), atol=1e-6)

    def test_a_long_one_keeps_its_largest_terms_and_says_so(self, monkeypatch):
        monkeypatch.setattr(module, "MOST_TERMS", 3)
        game = FourierExpansion.from_mapping(3, {(): 0.1, (0,): 2.0, (1,): -1.0, (0, 1): 0.5, (2,): 0.2})
        (kept,) = what_ifs(game, all_masks(3), np.ones((20, 1)), np.zeros((20, 1)))
        assert kept.terms == ((), (0,), (1,))
        assert kept.agreement == pytest.approx(5 / 5.29)
        assert "the 3 largest of 5 Fourier terms" in told(kept)
        assert "R² of 0.9451" in told(kept)

    def test_a_shortened_one_claims_no_interval_from_errors_of_the_whole(self, monkeypatch):
        monkeypatch.setattr(module, "MOST_TERMS", 1)
        game = FourierExpansion.from_mapping(1, {(): 0.1, (0,): 2.0})
        (kept,) = what_ifs(game, all_masks(1), np.ones((20, 1)), np.zeros((20, 1)))
        assert kept.half_width is None
        assert "held-out errors are those of the whole expansion" in told(kept)

    def test_every_target_has_its_own_terms_and_interval(self):
        game = FourierExpansion.from_mapping(1, {(): np.array([1.0, 0.0]), (0,): np.array([0.0, 2.0])})
        actual = np.stack([np.ones(9), np.arange(9)], axis=1)
        first, second = what_ifs(game, all_masks(1), actual, np.zeros((9, 2)))
        assert (first.terms, second.terms) == (((),), ((0,),))
        assert (first.half_width, second.half_width) == (1.0, 8.0)

    def test_data_of_a_script_are_numbers_alone(self):
        game = FourierExpansion.from_mapping(2, {(): 1.0, (0, 1): -1 / 3})
        (kept,) = what_ifs(game, all_masks(2), NOTHING, NOTHING)
        assert script_data(kept) == {
            "terms": [[], [0, 1]],
            "coefficients": [1.0, -0.333333333],
            "half": None,
        }


class TestConformalHalfWidth:
    """The interval that a new mask of the same law leaves as rarely as it says."""

    def test_it_is_the_smallest_error_of_sufficient_rank(self):
        assert conformal_half_width(-np.arange(1.0, 20.0)) == 18.0

    def test_with_too_few_masks_it_is_unknown(self):
        assert conformal_half_width(np.ones(8)) is None
        assert conformal_half_width([]) is None
        assert conformal_half_width([*[1.0] * 8, np.nan]) is None

    def test_it_covers_new_errors_at_its_level_on_average(self):
        draws = np.abs(np.random.default_rng(0).standard_t(3, (4000, 33)))
        covered = [one[-1] <= conformal_half_width(one[:-1]) for one in draws]
        assert np.mean(covered) == pytest.approx(30 / 33, abs=0.015)
