from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spex_data.spectra import FourierExpansion
from spex_data.value_functions import Planted
from tests.strategies import all_masks

TRUTH = FourierExpansion(3, ((), (0,), (1, 2)), np.array([1.0, -2.0, 0.5]))
MASKS = all_masks(3)
SEEDS = np.arange(8)


class TestPlanted:
    """The value is the expansion plus noise that mask and seed decide."""

    def test_without_noise_it_is_the_expansion(self):
        measured = Planted(TRUTH)(MASKS, SEEDS)
        np.testing.assert_array_equal(measured.values[:, 0], TRUTH.evaluate(MASKS))
        assert measured.causes == (None,) * 8

    @given(order=st.permutations(range(8)))
    def test_order_and_company_change_nothing(self, order):
        noisy = Planted(TRUTH, 0.3)
        np.testing.assert_array_equal(
            noisy(MASKS[order], SEEDS[order]).values, noisy(MASKS, SEEDS).values[order]
        )

    def test_the_noise_has_the_standard_deviation_asked_for_and_mean_zero(self):
        noisy = Planted(TRUTH, 0.3)
        rows = np.repeat(MASKS[:1], 4000, axis=0)
        noise = noisy(rows, np.arange(4000)).values[:, 0] - TRUTH.evaluate(MASKS[:1])
        assert abs(noise.std() - 0.3) < 0.02
        assert abs(noise.mean()) < 0.02

    def test_keys_name_truth_mask_seed_and_target(self):
        other = FourierExpansion(3, ((), (0,), (1, 2)), np.array([1.0, -2.0, 0.6]))
        functions = [Planted(TRUTH), Planted(TRUTH, 0.1), Planted(other)]
        keys = {key for one in functions for row in one.keys(MASKS, SEEDS) for key in row}
        assert len(keys) == 3 * 8
        assert Planted(TRUTH).keys(MASKS, SEEDS) == Planted(TRUTH).keys(MASKS, SEEDS)
