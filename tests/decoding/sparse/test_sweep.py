"""A swept Gram matrix against least squares done anew."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spex_data.decoding.sparse.sweep import swept

PENALTY = 0.5


def drawn(seed, m=40, q=8):
    rng = np.random.default_rng(seed)
    columns = rng.normal(size=(m, q)) + rng.normal(size=(m, 1))
    values = columns[:, :3].sum(axis=1) + rng.normal(size=m)
    return columns - columns.mean(axis=0), values - values.mean()


def evidence(columns, values, active, count):
    """The log evidence of the docstring, from the definition."""
    chosen = columns[:, active]
    inner = chosen.T @ chosen + PENALTY * np.eye(chosen.shape[1])
    products = chosen.T @ values
    residual = values @ values - products @ np.linalg.solve(inner, products)
    return -0.5 * count * np.log(residual) - 0.5 * np.linalg.slogdet(inner / PENALTY)[1]


class TestSwept:
    """The state after any moves is that of least squares on the active columns."""

    @given(st.integers(0, 1000), st.lists(st.integers(0, 7), max_size=12))
    def test_coefficients_and_residual_are_those_of_ridge(self, seed, moves):
        columns, values = drawn(seed)
        state = swept(columns, values, np.zeros(8, dtype=bool), penalty=PENALTY, nuisance=None)
        for place in moves:
            state.flip(place)
        chosen = columns[:, state.active]
        inner = chosen.T @ chosen + PENALTY * np.eye(chosen.shape[1])
        expected = np.linalg.solve(inner, chosen.T @ values)
        assert state.coefficients[state.active] == pytest.approx(expected, abs=1e-8)
        assert not state.coefficients[~state.active].any()
        assert state.residual == pytest.approx(values @ values - (chosen.T @ values) @ expected)

    @given(st.integers(0, 1000), st.sets(st.integers(0, 7), min_size=1, max_size=7))
    def test_what_each_move_changes_is_the_difference_of_the_evidence(self, seed, there):
        columns, values = drawn(seed)
        active = np.isin(np.arange(8), list(there))
        state = swept(columns, values, active, penalty=PENALTY, nuisance=None)
        before = evidence(columns, values, active, state.count)
        for place, change in enumerate(state.flip_evidence()):
            after = active.copy()
            after[place] ^= True
            assert change == pytest.approx(evidence(columns, values, after, state.count) - before, abs=1e-6)
        given_up, taken = np.flatnonzero(active), np.flatnonzero(~active)
        changes = state.swap_evidence(given_up, taken)
        for row, out in enumerate(given_up):
            for column, into in enumerate(taken):
                after = active.copy()
                after[[out, into]] ^= True
                expected = evidence(columns, values, after, state.count) - before
                assert changes[row, column] == pytest.approx(expected, abs=1e-6)

    def test_nuisance_columns_are_as_if_always_active(self):
        columns, values = drawn(1)
        others = drawn(2)[0][:, :4]
        state = swept(columns, values, np.ones(8, dtype=bool), penalty=PENALTY, nuisance=(others, 2.0))
        table = np.hstack([columns, others])
        inner = table.T @ table + np.diag([PENALTY] * 8 + [0.5] * 4)
        assert state.coefficients == pytest.approx(np.linalg.solve(inner, table.T @ values)[:8])
