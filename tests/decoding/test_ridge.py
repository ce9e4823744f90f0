"""Ridge regression against its normal equations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.decoding.ridge import coefficient_spread, factorise, ridge

shapes = st.tuples(st.integers(4, 25), st.integers(1, 30), st.integers(0, 2**32 - 1))


def problem(m, k, seed):
    rng = np.random.default_rng(seed)
    columns = rng.choice([-1.0, 1.0], size=(m, k))
    return columns, columns[:, :1] + rng.normal(size=(m, 2)) + 7.0


def normal_equations(columns, values, penalty):
    centred = columns - columns.mean(axis=0)
    gram = centred.T @ centred + penalty * np.eye(columns.shape[1])
    coefficients = np.linalg.pinv(gram, rcond=1e-9) @ centred.T @ (values - values.mean())
    return values.mean() - columns.mean(axis=0) @ coefficients, coefficients


class TestRidge:
    """y = intercept + columns @ coefficients."""

    @settings(deadline=None)
    @given(shapes)
    def test_coefficients_solve_the_normal_equations_of_the_penalty_chosen(self, shape):
        columns, values = problem(*shape)
        found = ridge(columns, values)
        for target in range(2):
            intercept, coefficients = normal_equations(columns, values[:, target], found.penalty[target])
            assert found.coefficients[:, target] == pytest.approx(coefficients, abs=1e-6)
            assert found.intercept[target] == pytest.approx(intercept, abs=1e-6)

    @settings(deadline=None)
    @given(shapes)
    def test_leave_one_out_residuals_are_those_of_fits_without_the_row(self, shape):
        columns, values = problem(*shape)
        found = ridge(columns, values)
        for row in (0, len(columns) - 1):
            rest = np.arange(len(columns)) != row
            mean = columns[rest].mean(axis=0)
            centred, y = columns[rest] - mean, values[rest, 0]
            gram = centred.T @ centred + found.penalty[0] * np.eye(columns.shape[1])
            fitted = (columns[row] - mean) @ np.linalg.pinv(gram, rcond=1e-9) @ centred.T @ (y - y.mean())
            assert found.loo_residuals[row, 0] == pytest.approx(values[row, 0] - y.mean() - fitted, abs=1e-5)

    @settings(deadline=None)
    @given(shapes, st.floats(-1e3, 1e3))
    def test_the_intercept_is_not_penalised(self, shape, offset):
        columns, values = problem(*shape)
        moved, found = ridge(columns, values + offset), ridge(columns, values)
        assert moved.coefficients == pytest.approx(found.coefficients, abs=1e-3)
        assert moved.intercept == pytest.approx(found.intercept + offset, abs=1e-3)

    def test_without_noise_it_is_least_squares(self):
        columns, _ = problem(40, 6, 0)
        truth = np.arange(6.0)[:, None]
        assert ridge(columns, columns @ truth).coefficients == pytest.approx(truth, abs=1e-9)

    def test_a_constant_column_has_no_coefficient(self):
        columns, values = problem(20, 3, 0)
        columns[:, 1] = 1.0
        assert ridge(columns, values).coefficients[1] == pytest.approx(0.0, abs=1e-12)


class TestCoefficientSpread:
    """Cov = G G'."""

    def test_it_is_hc3_of_least_squares(self):
        columns, _ = problem(30, 4, 1)
        centred = columns - columns.mean(axis=0)
        inverse = np.linalg.inv(centred.T @ centred)
        residuals = np.random.default_rng(2).normal(size=30)
        expected = inverse @ centred.T @ np.diag(residuals**2) @ centred @ inverse
        half = coefficient_spread(factorise(columns), 0.0, residuals)
        assert half @ half.T == pytest.approx(expected)
