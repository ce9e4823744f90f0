"""Products of a + b chi in each group."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.decoding.basis import ABSENT, PARITY, PRESENT, Basis, centred
from spex_data.masks import MaskDistribution
from spex_data.spectra import parity_matrix
from tests.strategies import all_masks, sparse_games

BASES = {"parity": PARITY, "present": PRESENT, "absent": ABSENT, "centred": centred(0.8)}
bases = st.builds(Basis, st.floats(-2, 2), st.floats(0.1, 2))


class TestColumns:
    """What a product is on a mask."""

    def test_each_named_basis_is_what_it_says(self):
        masks = all_masks(3)
        pair = [(0, 2)]
        both, neither = masks[:, 0] & masks[:, 2], ~masks[:, 0] & ~masks[:, 2]
        assert np.array_equal(PARITY.columns(masks, pair), parity_matrix(masks, pair))
        assert np.array_equal(PRESENT.columns(masks, pair)[:, 0], both)
        assert np.array_equal(ABSENT.columns(masks, pair)[:, 0], neither)

    @pytest.mark.parametrize("p", [0.2, 0.5, 0.9])
    def test_centred_products_are_uncorrelated_and_of_unit_variance(self, p):
        masks = all_masks(4)
        likely = np.prod(np.where(masks, p, 1 - p), axis=1)
        columns = centred(p).columns(masks, [(), (0,), (3,), (0, 1), (1, 2, 3)])
        assert (columns * likely[:, None]).T @ columns == pytest.approx(np.eye(5), abs=1e-12)


class TestToFourier:
    """The same function, term by term."""

    @settings(deadline=None)
    @given(sparse_games(most=6), bases)
    def test_the_expansion_is_the_sum_of_the_products(self, game, basis):
        masks = all_masks(game.n_groups)
        found = basis.to_fourier(game.n_groups, game.terms, game.coefficients)
        expected = basis.columns(masks, game.terms) @ game.coefficients
        assert found.evaluate(masks) == pytest.approx(expected, abs=1e-8)


class TestMeanDerivative:
    """E[D_S z_T]."""

    @pytest.mark.parametrize("name", BASES)
    @pytest.mark.parametrize("distribution", [("bernoulli", 0.5), ("bernoulli", 0.7), ("stratified", 0.5)])
    def test_it_is_the_derivative_of_the_products_expansion(self, name, distribution):
        moment = MaskDistribution(distribution[0], 4, distribution[1]).parity_moment
        whole = (0, 1, 3)
        expansion = BASES[name].to_fourier(4, [whole], np.ones(1))
        for size in range(4):
            expected = expansion.discrete_derivative(whole[:size], moment)
            assert BASES[name].mean_derivative(size, 3, moment) == pytest.approx(expected)

    def test_in_centred_products_only_the_own_coefficient_counts(self):
        moment = MaskDistribution("bernoulli", 4, 0.8).parity_moment
        basis = centred(0.8)
        assert basis.mean_derivative(1, 3, moment) == pytest.approx(0.0, abs=1e-12)
        assert basis.mean_derivative(2, 2, moment) == pytest.approx(1 / 0.16)
