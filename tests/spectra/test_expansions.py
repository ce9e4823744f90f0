"""Fourier and Moebius expansions against the function itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.errors import DecodingError
from spex_data.masks import MaskDistribution
from spex_data.spectra import FourierExpansion, MoebiusExpansion
from tests.strategies import all_masks, dense_tables, sparse_games, subsets, value_of


def derivative(table, members, background):
    """D_S f at a background, by its definition."""
    inner = set(members)
    return sum(
        (-1) ** (len(inner) - len(part)) * value_of(table, (set(background) - inner) | set(part))
        for part in subsets(inner)
    )


class TestFourierExpansion:
    """f = sum of F(S) chi_S."""

    @settings(deadline=None)
    @given(dense_tables(most=6))
    def test_any_function_is_the_sum_of_its_exact_coefficients(self, game):
        n, table = game
        masks = all_masks(n)
        signs = {term: np.prod(1.0 - 2.0 * masks[:, list(term)], axis=1) for term in subsets(range(n))}
        expansion = FourierExpansion.from_mapping(
            n, {term: sign @ table / 2**n for term, sign in signs.items()}
        )
        assert np.allclose(expansion.evaluate(masks), table, atol=1e-12)

    @settings(deadline=None)
    @given(sparse_games())
    def test_a_coefficient_is_found_in_any_order_and_is_zero_where_there_is_no_term(self, game):
        for term, value in zip(game.terms, game.coefficients, strict=True):
            assert game.coefficient(reversed(term)) == value
        assert game.coefficient(range(game.n_groups + 1)) == 0.0

    def test_equal_sets_of_a_mapping_are_added_up(self):
        assert FourierExpansion.from_mapping(3, {(0, 2): 1.0, (2, 0): 0.5}).coefficient((0, 2)) == 1.5

    @settings(deadline=None)
    @given(sparse_games(), st.integers(1, 3))
    def test_many_targets_are_each_what_they_are_alone(self, game, n_targets):
        table = np.outer(game.coefficients, np.arange(1.0, n_targets + 1))
        many = FourierExpansion(game.n_groups, game.terms, table)
        masks = all_masks(game.n_groups)
        for target in range(n_targets):
            alone = FourierExpansion(game.n_groups, game.terms, table[:, target])
            assert np.allclose(many.evaluate(masks)[:, target], alone.evaluate(masks), atol=1e-12)
        assert np.array_equal(many.coefficient(game.terms[0]), table[0])

    @settings(deadline=None)
    @given(sparse_games(), st.randoms(use_true_random=False))
    def test_relabelling_the_groups_permutes_the_values(self, game, random):
        order = list(range(game.n_groups))
        random.shuffle(order)
        renamed = FourierExpansion.from_mapping(
            game.n_groups,
            {tuple(order[i] for i in term): c for term, c in zip(game.terms, game.coefficients, strict=True)},
        )
        masks = all_masks(game.n_groups)
        moved = np.zeros_like(masks)
        moved[:, order] = masks
        assert np.allclose(renamed.evaluate(moved), game.evaluate(masks), atol=1e-12)


class TestConversions:
    """Fourier and Moebius are the same function."""

    @settings(deadline=None)
    @given(sparse_games())
    def test_moebius_has_the_same_value_on_every_mask(self, game):
        masks = all_masks(game.n_groups)
        assert np.allclose(game.to_moebius().evaluate(masks), game.evaluate(masks), atol=1e-10)

    @settings(deadline=None)
    @given(sparse_games())
    def test_there_and_back_gives_the_same_coefficients(self, game):
        back = game.to_moebius().to_fourier()
        for term in set(game.terms) | set(back.terms):
            assert back.coefficient(term) == pytest.approx(game.coefficient(term), abs=1e-10)

    @settings(deadline=None, max_examples=40)
    @given(sparse_games(most=6))
    def test_a_moebius_coefficient_is_the_derivative_at_the_empty_mask(self, game):
        table, moebius = game.evaluate(all_masks(game.n_groups)), game.to_moebius()
        for members in subsets(range(game.n_groups)):
            assert moebius.coefficient(members) == pytest.approx(derivative(table, members, ()), abs=1e-9)

    def test_a_term_of_order_30_is_refused_and_its_pairs_are_not(self):
        parity = FourierExpansion(40, (tuple(range(30)),), np.ones(1))
        with pytest.raises(DecodingError, match="1,073,741,824 subsets of terms of up to 30"):
            parity.to_moebius()
        pairs = parity.to_moebius(max_order=2)
        assert len(pairs.terms) == 1 + 30 + 435
        assert pairs.coefficient((3, 7)) == 4.0

    def test_an_and_of_a_pair_has_four_equal_fourier_coefficients(self):
        both = MoebiusExpansion.from_mapping(2, {(0, 1): 1.0}).to_fourier()
        assert dict(zip(both.terms, both.coefficients, strict=True)) == {
            (): 0.25,
            (0,): -0.25,
            (1,): -0.25,
            (0, 1): 0.25,
        }


class TestDiscreteDerivative:
    """The mean of D_S f over backgrounds."""

    @settings(deadline=None, max_examples=25)
    @given(sparse_games(most=6), st.floats(0.05, 0.95), st.sampled_from(["bernoulli", "stratified"]))
    def test_it_is_the_mean_over_masks_drawn_as_the_study_draws_them(self, game, p, scheme):
        n = game.n_groups
        masks, distribution = all_masks(n), MaskDistribution(scheme, n, p)
        table, sizes = game.evaluate(masks), masks.sum(axis=1)
        chance = p**sizes * (1 - p) ** (n - sizes)
        if scheme == "stratified":
            chance = 1.0 / (n + 1) / np.bincount(sizes)[sizes]
        derivatives = game.discrete_derivatives(distribution.parity_moment)
        for members in subsets(range(n), max_order=min(n, 3)):
            expected = sum(
                weight * derivative(table, members, np.flatnonzero(mask).tolist())
                for weight, mask in zip(chance, masks, strict=True)
            )
            alone = game.discrete_derivative(members, distribution.parity_moment)
            assert alone == pytest.approx(expected, abs=1e-9)
            assert derivatives.get(members, 0.0) == pytest.approx(expected, abs=1e-9)

    @settings(deadline=None, max_examples=40)
    @given(sparse_games(most=6))
    def test_alternating_moments_give_the_derivative_where_all_are_present(self, game):
        n = game.n_groups
        table = game.evaluate(all_masks(n))
        for members in subsets(range(n)):
            full = game.discrete_derivative(members, lambda order: (-1.0) ** order)
            assert full == pytest.approx(derivative(table, members, range(n)), abs=1e-9)
