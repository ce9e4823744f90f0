"""Intervals of what was reported because it was large."""

import numpy as np
import pytest

from spex_data.decoding.uncertainty.selective import truncated_quantiles

ONE = np.ones(1)


class TestTruncatedQuantiles:
    """Ends of intervals under the law of a normal value that passed a threshold."""

    @pytest.mark.parametrize("mean", [0.0, 1.0, -2.5, 4.0])
    def test_intervals_cover_at_their_level_among_values_that_passed(self, mean):
        drawn = np.random.default_rng(0).normal(mean, 1.0, size=200_000)
        drawn = drawn[np.abs(drawn) > 3.0][:4000]
        many, cut = np.ones(len(drawn)), np.full(len(drawn), 3.0)
        low, high = (truncated_quantiles(drawn, cut, many, share) for share in (0.05, 0.95))
        covered = ((low <= mean) & (mean <= high)).mean()
        assert abs(covered - 0.9) < 4 * np.sqrt(0.09 / len(drawn))

    def test_far_above_the_threshold_they_are_the_ordinary_ones(self):
        low, high = (truncated_quantiles(20 * ONE, 3 * ONE, 2 * ONE, share)[0] for share in (0.05, 0.95))
        assert (low, high) == pytest.approx((20 - 2 * 1.6449, 20 + 2 * 1.6449), abs=1e-3)

    def test_what_barely_passed_may_as_well_be_nothing(self):
        low = truncated_quantiles(3.05 * ONE, 3 * ONE, ONE, 0.05)[0]
        assert low < 0

    def test_the_sign_of_the_value_mirrors_the_interval(self):
        up, down = (truncated_quantiles(x * ONE, 3 * ONE, ONE, 0.05)[0] for x in (3.5, -3.5))
        other = truncated_quantiles(-3.5 * ONE, 3 * ONE, ONE, 0.95)[0]
        assert other == pytest.approx(-up)
        assert down < other
