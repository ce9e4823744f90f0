"""R2 and Spearman."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from spex_data.faithfulness import r2, spearman

vectors = st.lists(st.integers(-20, 20), min_size=3, max_size=30).map(lambda values: np.array(values, float))


class TestR2:
    """The share of variance accounted for."""

    @settings(deadline=None)
    @given(vectors)
    def test_the_values_themselves_score_one_and_their_mean_zero(self, values):
        if np.ptp(values) > 0:
            assert r2(values, values) == 1.0
            assert r2(values, np.full_like(values, values.mean())) == pytest.approx(0.0)

    def test_worse_than_the_mean_is_negative(self):
        assert r2([0.0, 1.0], [1.0, 0.0]) == -3.0

    def test_missing_values_are_left_out(self):
        assert r2([0.0, np.nan, 2.0], [0.0, 7.0, 2.0]) == 1.0

    @pytest.mark.parametrize("values", [[], [1.0], [3.0, 3.0, 3.0], [np.nan, np.nan]])
    def test_it_is_unknown_where_values_do_not_differ(self, values):
        assert r2(values, np.zeros(len(values))) is None


class TestSpearman:
    """Correlation of ranks."""

    @settings(deadline=None)
    @given(vectors, st.integers(0, 2**32 - 1))
    def test_it_is_scipys(self, values, seed):
        other = np.round(np.random.default_rng(seed).normal(size=len(values)), 1)
        if np.ptp(values) > 0 and np.ptp(other) > 0:
            assert spearman(values, other) == pytest.approx(
                stats.spearmanr(values, other).statistic, abs=1e-12
            )

    def test_any_increasing_function_of_the_values_scores_one(self):
        values = np.array([3.0, -1.0, 0.5, 9.0])
        assert spearman(values, np.exp(values)) == pytest.approx(1.0)

    @pytest.mark.parametrize("guess", [[1.0, 1.0, 1.0], [np.nan, np.nan, 2.0]])
    def test_it_is_unknown_where_predictions_do_not_differ(self, guess):
        assert spearman([0.0, 1.0, 2.0], guess) is None
