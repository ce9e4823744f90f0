"""The link between values and normal scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from spex_data.decoding.gaussian.link import Link

samples = st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=60).map(lambda x: np.round(np.array(x), 3))


class TestLink:
    """Ranks become normal scores, and back."""

    @given(samples)
    def test_scores_rise_with_values_and_go_back_to_them(self, values):
        link = Link.fit(values)
        assert (np.diff(link.scores) > 0).all()
        assert link.mean(link.score(values), 0.0) == pytest.approx(values)

    @given(samples)
    def test_a_monotone_change_of_values_leaves_scores_as_they_are(self, values):
        moved = 3.0 * values + 7.0
        assert Link.fit(moved).score(moved) == pytest.approx(Link.fit(values).score(values))

    def test_scores_are_the_normal_quantiles_of_mean_ranks(self):
        link = Link.fit(np.array([5.0, 1.0, 5.0, 9.0]))
        assert link.scores == pytest.approx(norm.ppf([0.5 / 4, 2.0 / 4, 3.5 / 4]))

    def test_its_mean_is_that_of_a_normal_score(self):
        link = Link.fit(np.exp(np.random.default_rng(0).normal(size=400)))
        drawn = 0.3 + 0.5 * np.random.default_rng(1).normal(size=200_000)
        expected = np.interp(drawn, link.scores, link.values).mean()
        assert link.mean(np.array([0.3]), 0.5)[0] == pytest.approx(expected, rel=0.02)

    @given(samples, st.floats(-50, 50))
    def test_it_says_nothing_beyond_the_values_seen(self, values, score):
        mean = Link.fit(values).mean(np.array([score]), 1.0)[0]
        assert values.min() - 1e-9 <= mean <= values.max() + 1e-9
