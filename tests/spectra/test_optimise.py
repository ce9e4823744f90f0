"""The integer programme against all subsets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.errors import DecodingError
from spex_data.spectra import FourierExpansion, MoebiusExpansion, optimise
from tests.strategies import all_masks, sparse_games


def best_by_trial(expansion, maximise, least, most):
    masks = all_masks(expansion.n_groups)
    sizes = masks.sum(1)
    values = expansion.evaluate(masks[(sizes >= least) & (sizes <= most)])
    return values.max() if maximise else values.min()


class TestOptimise:
    """No subset of an allowed size is better than the one returned."""

    @settings(deadline=None, max_examples=60)
    @given(sparse_games(most=10), st.booleans(), st.data())
    def test_it_is_the_best_of_all_subsets_of_an_allowed_size(self, game, maximise, data):
        least = data.draw(st.integers(0, game.n_groups))
        most = data.draw(st.integers(least, game.n_groups))
        found = optimise(game, maximise=maximise, least=least, most=most)
        assert found.value == pytest.approx(best_by_trial(game, maximise, least, most), abs=1e-4)
        assert found.value == pytest.approx(game.evaluate(found.mask[None])[0], abs=1e-9)
        assert least <= len(found.members) <= most
        assert tuple(np.flatnonzero(found.mask)) == found.members
        assert found.proven
        assert found.bound == found.value

    @settings(deadline=None, max_examples=15)
    @given(sparse_games(most=8), st.booleans())
    def test_a_moebius_expansion_has_the_optimum_of_its_fourier_expansion(self, game, maximise):
        one, other = (optimise(form, maximise=maximise) for form in (game, game.to_moebius()))
        assert one.value == pytest.approx(other.value, abs=1e-4)

    def test_coefficients_of_a_millionth_are_told_apart_as_those_of_one_are(self):
        large = MoebiusExpansion(3, ((0,), (1,), (0, 1), (2,)), np.array([2.0, 1.0, -2.0, 0.5]))
        small = MoebiusExpansion(3, large.terms, 1e-6 * large.coefficients)
        assert optimise(large).members == optimise(small).members == (0, 2)

    def test_each_target_has_its_own_optimum(self):
        both = MoebiusExpansion(2, ((0,), (1,)), np.array([[1.0, -1.0], [-1.0, 1.0]]))
        assert [optimise(both, target=target).members for target in (0, 1)] == [(0,), (1,)]

    def test_two_hundred_groups_with_pairs_are_solved_within_the_solvers_own_proof(self):
        n, drawn = 200, np.random.default_rng(3)
        pairs = {
            tuple(sorted(drawn.choice(n, 2, replace=False).tolist())): drawn.normal() for _ in range(150)
        }
        alone = {(group,): drawn.normal() for group in range(n)}
        found = optimise(FourierExpansion.from_mapping(n, pairs | alone), least=50, most=50)
        assert found.proven
        assert len(found.members) == 50


class TestBadInput:
    """What no subset can satisfy is refused in words."""

    @pytest.mark.parametrize(("least", "most"), [(0, 4), (3, 2), (-1, 2)])
    def test_sizes_that_no_subset_has_are_refused(self, least, most):
        with pytest.raises(DecodingError, match="least <= most <= 3"):
            optimise(MoebiusExpansion(3, ((0,),), np.ones(1)), least=least, most=most)

    @pytest.mark.parametrize("target", [None, 2, -1])
    def test_a_target_must_be_named_where_there_are_several(self, target):
        with pytest.raises(DecodingError, match="from 0 to 1"):
            optimise(MoebiusExpansion(3, ((0,),), np.ones((1, 2))), target=target)

    def test_a_term_of_too_high_an_order_is_refused_before_it_is_expanded(self):
        with pytest.raises(DecodingError, match="max_order"):
            optimise(FourierExpansion(60, (tuple(range(60)),), np.ones(1)))
