"""The background of single groups against matrices written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spex_data.decoding.atoms import Dictionary
from spex_data.decoding.basis import ABSENT, PARITY, PRESENT, centred
from spex_data.decoding.sparse.background import Background, background

VARIANCES = st.sampled_from([0.0, 1e-4, 0.01, 0.3, 10.0])


def drawn(seed, m=30, n=6):
    rng = np.random.default_rng(seed)
    columns, values = rng.normal(size=(m, n)), rng.normal(size=m)
    return columns - columns.mean(axis=0), values - values.mean()


def inverse_covariance(columns, variance):
    """Of values, in units of the noise."""
    return np.linalg.inv(np.eye(len(columns)) + variance * columns @ columns.T)


class TestBackground:
    """What it leaves and how probable it makes the values are as the normal distribution has them."""

    @given(st.integers(0, 1000), VARIANCES)
    def test_it_leaves_of_anything_the_inverse_covariance_times_it(self, seed, variance):
        columns, values = drawn(seed)
        beside, precision = Background(columns, variance), inverse_covariance(columns, variance)
        assert values - columns @ beside.coefficients(values) == pytest.approx(precision @ values)
        assert beside.left == pytest.approx(columns.T @ precision @ columns / len(columns))

    @given(st.integers(0, 1000), VARIANCES)
    def test_the_evidence_is_a_normal_distribution_s_with_its_scale_integrated_out(self, seed, variance):
        columns, values = drawn(seed)
        precision = inverse_covariance(columns, variance)
        expected = -0.5 * (len(values) - 1) * np.log(values @ precision @ values)
        expected += 0.5 * np.linalg.slogdet(precision)[1]
        assert Background(columns, variance).log_evidence(values) == pytest.approx(expected)

    @given(st.integers(0, 1000))
    def test_the_variance_chosen_has_the_largest_evidence_of_those_tried(self, seed):
        columns, values = drawn(seed)
        values = values + columns @ np.random.default_rng(seed + 1).normal(size=columns.shape[1])
        chosen = background(columns, values)
        others = [0.0, 1e-4, 1e-2, 1e-1, 1.0, 10.0]
        best = max(Background(columns, other).log_evidence(values) for other in others)
        assert chosen.log_evidence(values) >= best - 1e-9


class TestPairsBesideABackground:
    """Pairs are judged by what a fit of all single groups leaves of them."""

    @pytest.mark.parametrize("p", [0.2, 0.5, 0.8])
    @pytest.mark.parametrize("variance", [0.001, 0.1, 10.0])
    def test_what_is_left_of_their_variance_is_about_right_for_every_kind(self, p, variance):
        signs = 1.0 - 2.0 * (np.random.default_rng(1).random((600, 12)) < p)
        dictionary = Dictionary((centred(p), PRESENT, ABSENT, PARITY), signs.astype(np.float32))
        columns = signs - signs.mean(axis=0)
        precision = inverse_covariance(columns, variance)
        beside = Background(columns, variance)
        for kind, found in enumerate(dictionary.pair_variances_beside(beside.left, beside.kept)):
            for i, j in [(0, 1), (3, 7), (10, 11)]:
                column = dictionary.column((kind, (i, j)))
                column = column - column.mean()
                assert found[i, j] == pytest.approx(column @ precision @ column / len(column), rel=0.25)
