"""The nearest expansion of low order."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.decoding.basis import centred
from spex_data.decoding.gaussian.cube import cube_table, term_sums
from spex_data.decoding.gaussian.projection import project_function, project_table
from spex_data.spectra import products
from tests.strategies import all_masks


def every_set(n, order):
    return tuple(term for size in range(1, order + 1) for term in combinations(range(n), size))


class TestCubeTable:
    """Every mask at once."""

    @settings(deadline=None)
    @given(st.integers(1, 7), st.floats(0.1, 0.9), st.integers(0, 2**32 - 1))
    def test_it_is_the_expansion_at_every_mask(self, n, p, seed):
        terms, basis = every_set(n, 3), centred(p)
        coefficients = np.random.default_rng(seed).normal(size=len(terms))
        expected = 2.0 + products(basis.factors(all_masks(n)), terms) @ coefficients
        assert cube_table(2.0, terms, coefficients, basis, n) == pytest.approx(expected)


class TestTermSums:
    """The same the other way round."""

    @settings(deadline=None)
    @given(st.integers(1, 7), st.floats(0.1, 0.9), st.integers(0, 2**32 - 1))
    def test_it_is_the_matrix_product_however_many_the_masks(self, n, p, seed):
        terms, rng = every_set(n, 4), np.random.default_rng(seed)
        for count in (2, 400):
            factors, weights = centred(p).factors(rng.random((count, n)) < p), rng.normal(size=count)
            factors[:2] = centred(p).factors(np.array([[True], [False]]))
            expected = products(factors, terms).T @ weights
            assert term_sums(factors, weights, terms) == pytest.approx(expected)


class TestProjectTable:
    """Least squares under the law of the masks."""

    @settings(deadline=None)
    @given(st.integers(2, 7), st.floats(0.1, 0.9), st.integers(0, 2**32 - 1))
    def test_it_is_weighted_least_squares_on_every_mask(self, n, p, seed):
        terms, masks = every_set(n, 2), all_masks(n)
        table = np.random.default_rng(seed).normal(size=2**n)
        weights = np.sqrt(np.where(masks, p, 1 - p).prod(axis=1))
        columns = np.hstack([np.ones((2**n, 1)), products(centred(p).factors(masks), terms)])
        expected = np.linalg.lstsq(columns * weights[:, None], table * weights, rcond=None)[0]
        found = project_table(table, terms, n, p)
        assert found.intercept == pytest.approx(expected[0], abs=1e-7)
        assert found.coefficients == pytest.approx(expected[1:], abs=1e-7)

    def test_fidelity_is_one_for_a_function_of_these_terms_and_less_for_another(self):
        terms, basis = every_set(5, 2), centred(0.5)
        coefficients = np.random.default_rng(0).normal(size=len(terms))
        within = cube_table(1.0, terms, coefficients, basis, 5)
        assert project_table(within, terms, 5, 0.5).fidelity == pytest.approx(1.0)
        beyond = within + 3.0 * products(basis.factors(all_masks(5)), [(0, 1, 2)])[:, 0]
        energy = float((coefficients**2).sum())
        assert project_table(beyond, terms, 5, 0.5).fidelity == pytest.approx(energy / (energy + 9.0))


class TestProjectFunction:
    """The same without asking every mask."""

    @pytest.mark.parametrize("p", [0.5, 0.8])
    def test_a_function_of_these_terms_is_found_exactly(self, p):
        n = 20
        terms, basis = every_set(n, 2), centred(p)
        coefficients = np.random.default_rng(0).normal(size=len(terms))
        found = project_function(
            lambda factors: 4.0 + products(factors, terms) @ coefficients, terms, basis, n, p, seed=0
        )
        assert found.intercept == pytest.approx(4.0, abs=1e-4)
        assert found.coefficients == pytest.approx(coefficients, abs=1e-4)
        assert found.fidelity == pytest.approx(1.0, abs=1e-6)

    def test_what_lies_outside_lowers_its_fidelity(self):
        basis = centred(0.5)
        found = project_function(
            lambda factors: factors[:, 0] + factors[:, 1] * factors[:, 2], every_set(18, 1), basis, 18, 0.5, 0
        )
        assert found.fidelity == pytest.approx(0.5, abs=0.1)
