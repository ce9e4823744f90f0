"""Sums over masks for every term."""

from itertools import combinations

import numpy as np
import pytest

from spex_data.decoding.gaussian.cube import term_sums
from spex_data.spectra import products


class TestTermSums:
    """Every way to the sums gives the same."""

    @pytest.mark.parametrize(("n", "order"), [(6, 6), (20, 4), (20, 1), (40, 2)])
    @pytest.mark.parametrize("shape", [(50,), (50, 2), (50, 9)])
    def test_they_are_the_products_times_the_weights(self, n, order, shape):
        rng = np.random.default_rng(0)
        factors = np.where(rng.random((50, n)) < 0.7, 0.65, -1.5)
        terms = [term for size in range(1, order + 1) for term in combinations(range(n), size)]
        weights = rng.normal(size=shape)
        expected = products(factors, terms).T @ weights
        np.testing.assert_allclose(term_sums(factors, weights, terms), expected, atol=1e-10)

    def test_terms_may_come_in_any_order_and_be_few(self):
        rng = np.random.default_rng(1)
        factors, weights = np.where(rng.random((30, 25)) < 0.5, 1.0, -1.0), rng.normal(size=30)
        every = [term for size in (1, 2, 3) for term in combinations(range(25), size)]
        terms = [every[place] for place in rng.permutation(len(every))[:300]]
        expected = products(factors, terms).T @ weights
        np.testing.assert_allclose(term_sums(factors, weights, terms), expected, atol=1e-10)
