from __future__ import annotations

from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.errors import MaskError
from spex_data.masks.bch import bch_code, field, inverse_gf2, times_gf2


def all_sets(n, most):
    """bool[q, n], every set of at most `most` groups."""
    sets = list(chain.from_iterable(combinations(range(n), size) for size in range(most + 1)))
    rows = np.zeros((len(sets), n), dtype=bool)
    for row, members in enumerate(sets):
        rows[row, list(members)] = True
    return rows


def carryless(a, b, bits, polynomial):
    """The product of two elements as polynomials over GF(2), by hand."""
    product = 0
    for place in range(bits):
        if b >> place & 1:
            product ^= a << place
    for place in range(2 * bits, bits - 1, -1):
        if product >> place & 1:
            product ^= polynomial << (place - bits)
    return product


class TestField:
    """Logarithms multiply as polynomials do."""

    @pytest.mark.parametrize(("bits", "polynomial"), [(2, 0b111), (3, 0b1011), (5, 0b100101)])
    def test_products_equal_those_of_polynomials(self, bits, polynomial):
        a, b = (each.reshape(-1) for each in np.meshgrid(*[np.arange(2**bits)] * 2))
        expected = [carryless(int(x), int(y), bits, polynomial) for x, y in zip(a, b)]
        assert field(bits).times(a, b).tolist() == expected

    @pytest.mark.parametrize("bits", range(2, 15))
    def test_every_element_but_zero_is_a_power_of_x(self, bits):
        own = field(bits)
        assert sorted(own.powers[: own.order].tolist()) == list(range(1, 2**bits))

    @pytest.mark.parametrize("bits", [2, 7])
    def test_a_quotient_times_the_divisor_is_the_dividend(self, bits):
        own = field(bits)
        a, b = (each.reshape(-1) for each in np.meshgrid(np.arange(2**bits), np.arange(1, 2**bits)))
        assert np.array_equal(own.times(own.over(a, b), b), a)


class TestBchCode:
    """The checks of a set of at most `degree` groups name it."""

    @pytest.mark.parametrize("n", [2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17])
    @pytest.mark.parametrize("degree", [1, 2, 3, 5])
    def test_every_set_up_to_the_degree_is_read_off_its_checks(self, n, degree):
        code, sets = bch_code(n, degree), all_sets(n, min(n, degree))
        decoded, found = code.decode(code.syndromes(sets))
        assert found.all()
        assert np.array_equal(decoded, sets)

    @pytest.mark.parametrize(("n", "degree"), [(4, 1), (7, 2), (8, 2), (10, 2), (12, 3), (16, 2)])
    def test_what_is_found_has_the_checks_asked_for_and_nothing_else_is_found(self, n, degree):
        code = bch_code(n, degree)
        every = (np.arange(2**code.n_checks)[:, None] >> np.arange(code.n_checks)) & 1 == 1
        decoded, found = code.decode(every)
        assert np.array_equal(code.syndromes(decoded[found]), every[found])
        assert found.sum() == len(all_sets(n, degree))
        assert not decoded[~found].any()

    @settings(deadline=None, max_examples=60)
    @given(st.data())
    def test_sets_of_many_groups_are_read_off_too(self, data):
        n, degree = data.draw(st.integers(18, 1100)), data.draw(st.integers(1, 8))
        members = data.draw(st.lists(st.sets(st.integers(0, n - 1), max_size=degree), min_size=1, max_size=8))
        sets = np.zeros((len(members), n), dtype=bool)
        for row, each in enumerate(members):
            sets[row, list(each)] = True
        code = bch_code(n, degree)
        decoded, found = code.decode(code.syndromes(sets))
        assert found.all()
        assert np.array_equal(decoded, sets)

    @settings(deadline=None, max_examples=30)
    @given(st.data())
    def test_a_code_of_some_of_the_groups_reads_their_sets_off(self, data):
        n = data.draw(st.integers(6, 40))
        places = np.array(data.draw(st.permutations(range(n)))[: n // 2])
        code = bch_code(n, 3).restricted(places)
        sets = all_sets(len(places), 2)
        decoded, found = code.decode(code.syndromes(sets))
        assert found.all()
        assert np.array_equal(decoded, sets)

    @pytest.mark.parametrize(
        ("n", "checks"), [(16, 15), (31, 20), (32, 21), (64, 28), (100, 35), (128, 36), (256, 41)]
    )
    def test_degree_5_takes_as_many_checks_as_the_best_code_of_the_family(self, n, checks):
        assert bch_code(n, 5).n_checks == checks

    @pytest.mark.parametrize("n", [3, 16, 20, 64])
    @pytest.mark.parametrize("degree", [1, 4, 12])
    def test_no_check_is_a_sum_of_others(self, n, degree):
        checks = bch_code(n, degree).checks
        rank, rows = 0, checks.copy()
        for column in range(rows.shape[1]):
            pivots = np.flatnonzero(rows[rank:, column]) + rank
            if len(pivots):
                rows[[rank, pivots[0]]] = rows[[pivots[0], rank]]
                others = np.flatnonzero(rows[:, column])
                rows[others[others != rank]] ^= rows[rank]
                rank += 1
        assert rank == len(checks)

    @pytest.mark.parametrize(
        ("n", "degree", "says"), [(8, 0, "masks.degree: is 0; write 1"), (20_000, 2, "at most 16384 groups")]
    )
    def test_a_code_that_cannot_be_is_refused(self, n, degree, says):
        with pytest.raises(MaskError, match=says):
            bch_code(n, degree)


class TestInverse:
    """Over GF(2) a matrix times its inverse is the identity."""

    @settings(deadline=None)
    @given(size=st.integers(1, 20), seed=st.integers(0, 2**32 - 1))
    def test_it_undoes_the_matrix_or_there_is_none(self, size, seed):
        matrix = np.random.default_rng(seed).random((size, size)) < 0.5
        inverse = inverse_gf2(matrix)
        if inverse is None:
            vectors = (np.arange(1, 2 ** min(size, 14))[:, None] >> np.arange(size)) & 1 == 1
            assert size > 14 or (~times_gf2(vectors, matrix).any(axis=1)).any()
        else:
            assert np.array_equal(times_gf2(matrix, inverse), np.eye(size, dtype=bool))
