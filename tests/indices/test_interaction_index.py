"""Every index against its definition."""

from fractions import Fraction
from itertools import permutations
from math import comb, factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.errors import DecodingError
from spex_data.indices import KINDS, interaction_index
from spex_data.spectra import FourierExpansion
from tests.strategies import all_masks, sparse_games, subsets, value_of

BERNOULLI_NUMBERS = [Fraction(1), Fraction(-1, 2), Fraction(1, 6), Fraction(0), Fraction(-1, 30)]


def derivatives(table, n, members):
    """(size of the background, D_S f there) for every background without S."""
    rest = set(range(n)) - set(members)
    return [
        (
            len(background),
            sum((-1) ** (len(members) - len(r)) * value_of(table, background + r) for r in subsets(members)),
        )
        for background in subsets(rest)
    ]


def fourier(table, n, members, _order):
    return np.mean(np.prod(1.0 - 2.0 * all_masks(n)[:, list(members)], axis=1) * table)


def moebius(table, n, members, _order):
    return derivatives(table, n, members)[0][1]


def sii(table, n, members, _order):
    s = len(members)
    return sum(
        factorial(n - t - s) * factorial(t) / factorial(n - s + 1) * d
        for t, d in derivatives(table, n, members)
    )


def bii(table, n, members, _order):
    return np.mean([d for _, d in derivatives(table, n, members)])


def sv(table, n, members, _order):
    gains = []
    for order in permutations(range(n)):
        before = order[: order.index(members[0])]
        gains.append(value_of(table, (*before, members[0])) - value_of(table, before))
    return np.mean(gains)


def stii(table, n, members, order):
    if len(members) < order:
        return moebius(table, n, members, order)
    return order / n * sum(d / comb(n - 1, t) for t, d in derivatives(table, n, members))


def k_sii(table, n, members, order):
    if not members:
        return table[0]
    total = sii(table, n, members, order)
    rest = set(range(n)) - set(members)
    for extra in subsets(rest, max_order=order - len(members)):
        if extra:
            number = float(BERNOULLI_NUMBERS[len(extra)])
            total += number * sii(table, n, sorted((*members, *extra)), order)
    return total


def best_fit(table, n, order, weights):
    """The weighted least-squares fit by ANDs up to an order; rows of infinite weight are met exactly."""
    masks, terms = all_masks(n), subsets(range(n), max_order=min(order, n))
    basis = np.stack([masks[:, list(term)].all(axis=1) for term in terms], axis=1).astype(float)
    exact = np.isinf(weights)
    root = np.sqrt(weights[~exact])[:, None]
    k, e = len(terms), int(exact.sum())
    system = np.zeros((k + e, k + e))
    system[:k, :k] = (root * basis[~exact]).T @ (root * basis[~exact])
    system[k:, :k], system[:k, k:] = basis[exact], basis[exact].T
    right = np.concatenate([basis[~exact].T @ (weights[~exact] * table[~exact]), table[exact]])
    return dict(zip(terms, np.linalg.lstsq(system, right, rcond=None)[0][:k], strict=True))


def fsii(table, n, members, order):
    sizes = all_masks(n).sum(axis=1)
    inside = (sizes > 0) & (sizes < n)
    weights = np.full(2**n, np.inf)
    weights[inside] = [(n - 1) / (comb(n, t) * t * (n - t)) for t in sizes[inside]]
    return best_fit(table, n, order, weights)[members]


def fbii(table, n, members, order):
    return best_fit(table, n, order, np.ones(2**n))[members]


REFERENCES = {
    "fourier": fourier,
    "moebius": moebius,
    "sv": sv,
    "bv": bii,
    "sii": sii,
    "bii": bii,
    "stii": stii,
    "fsii": fsii,
    "fbii": fbii,
    "k-sii": k_sii,
}


class TestInteractionIndex:
    """The closed forms are the definitions."""

    @pytest.mark.parametrize("kind", KINDS)
    @settings(deadline=None, max_examples=12)
    @given(game=sparse_games(most=5), order=st.integers(1, 4), data=st.data())
    def test_it_equals_brute_force(self, kind, game, order, data):
        n = game.n_groups
        table = game.evaluate(all_masks(n))
        index = interaction_index(game, kind, order)
        from_moebius = interaction_index(game.to_moebius(), kind, order)
        singles = kind in ("sv", "bv")
        for members in subsets(range(n), max_order=min(n, 1 if singles else order)):
            if singles and not members:
                continue
            expected = REFERENCES[kind](table, n, members, order)
            assert index.value(members) == pytest.approx(expected, abs=1e-9)
            assert from_moebius.value(members) == pytest.approx(expected, abs=1e-9)

    @pytest.mark.parametrize(
        "kind", ["fourier", "moebius", "bv", "sii", "bii", "stii", "fsii", "fbii", "k-sii"]
    )
    def test_it_equals_brute_force_on_a_dense_game_of_8_groups(self, kind):
        table = np.random.default_rng(8).normal(size=256)
        signs = {term: np.prod(1.0 - 2.0 * all_masks(8)[:, list(term)], axis=1) for term in subsets(range(8))}
        game = FourierExpansion.from_mapping(8, {term: sign @ table / 256 for term, sign in signs.items()})
        index = interaction_index(game, kind, 3)
        order = index.max_order
        for members in [(2,), (7,), (0, 5), (3, 4), (1, 2, 6)][: 2 if order == 1 else 5]:
            expected = REFERENCES[kind](table, 8, members, order)
            assert index.value(members) == pytest.approx(expected, abs=1e-9)

    @settings(deadline=None)
    @given(sparse_games(), st.integers(1, 4), st.sampled_from(["stii", "fsii", "k-sii"]))
    def test_efficient_indices_add_up_to_the_value_of_the_full_mask(self, game, order, kind):
        full = game.evaluate(np.ones((1, game.n_groups), dtype=bool))[0]
        assert sum(interaction_index(game, kind, order).values()) == pytest.approx(full, abs=1e-8)

    @settings(deadline=None)
    @given(sparse_games(), st.sampled_from(KINDS))
    def test_many_targets_are_each_what_they_are_alone(self, game, kind):
        doubled = np.stack([game.coefficients, 2 * game.coefficients], axis=1)
        many = interaction_index(FourierExpansion(game.n_groups, game.terms, doubled), kind)
        for members, value in interaction_index(game, kind).items():
            assert many[members] == pytest.approx(np.array([value, 2 * value]), abs=1e-12)

    def test_one_term_of_order_16_costs_its_small_subsets_alone(self):
        parity = FourierExpansion(20, (tuple(range(16)),), np.ones(1))
        assert len(interaction_index(parity, "bii", 16)) == 1
        assert len(interaction_index(parity, "moebius", 3)) == 1 + 16 + 120 + 560

    def test_it_is_a_mapping_with_its_kind(self):
        index = interaction_index(FourierExpansion.from_mapping(3, {(0, 2): 1.0}), "bii", 2)
        assert (index.kind, index.max_order, dict(index)) == ("bii", 2, {(0, 2): 4.0})
        assert index[0, 2] == index.value((2, 0)) == 4.0
        assert index.value((0, 1)) == 0.0

    def test_an_unknown_kind_names_the_known_ones(self):
        with pytest.raises(DecodingError, match="'shapley'; write one of fourier, moebius, sv"):
            interaction_index(FourierExpansion.from_mapping(2, {(0,): 1.0}), "shapley")

    def test_an_order_below_one_is_refused(self):
        with pytest.raises(DecodingError, match="max_order: is 0"):
            interaction_index(FourierExpansion.from_mapping(2, {(0,): 1.0}), "bii", 0)
