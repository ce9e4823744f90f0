"""The ranked list."""

import numpy as np
import pytest

from spex_data.decoding import decoder
from spex_data.decoding.interactions import ranked_interactions
from spex_data.decoding.ridge import ridge
from spex_data.decoding.support import support_fit
from spex_data.masks import MaskDistribution
from spex_data.spectra import FourierExpansion, MoebiusExpansion, parity_matrix
from tests.strategies import all_masks, subsets

GAME = MoebiusExpansion.from_mapping(
    4, {(): 1.0, (0, 1): 2.0, (2,): 1.0, (3,): 1.0, (2, 3): -1.0}
).to_fourier()


def support(game, noise=0.0, copies=4):
    masks = np.tile(all_masks(game.n_groups), (copies, 1))
    values = game.evaluate(masks) + noise * np.random.default_rng(0).normal(size=len(masks))
    terms = [term for term in subsets(range(game.n_groups), max_order=2) if term]
    fit = ridge(parity_matrix(masks, terms), values[:, None])
    return support_fit(game.n_groups, terms, fit, 0), masks


class TestRankedInteractions:
    """Sets by descending absolute value."""

    @pytest.mark.parametrize("p", [0.3, 0.5, 0.8])
    def test_values_are_the_mean_derivatives_of_the_fit_under_the_masks_distribution(self, p):
        moment = MaskDistribution("bernoulli", 4, p).parity_moment
        fit, masks = support(GAME, noise=0.3)
        found = ranked_interactions(fit, masks, moment, max_order=2, level=0.9)
        for each in found:
            assert each.value == pytest.approx(fit.expansion.discrete_derivative(each.members, moment))
            moebius = fit.expansion.discrete_derivative(each.members, lambda _: 1.0)
            assert each.moebius == pytest.approx(moebius)
            full = fit.expansion.discrete_derivative(each.members, lambda order: (-1.0) ** order)
            assert each.full == pytest.approx(full)
        assert [abs(each.value) for each in found] == sorted(
            (abs(each.value) for each in found), reverse=True
        )

    def test_planted_pairs_have_their_kind_and_their_value(self):
        fit, masks = support(GAME)
        found = {
            each.members: each for each in ranked_interactions(fit, masks, _even, max_order=2, level=0.9)
        }
        assert (found[0, 1].kind, found[2, 3].kind) == ("complementary", "redundant")
        assert [found[0, 1].value, found[2, 3].value] == pytest.approx([2.0, -1.0])
        assert set(found) == {(0,), (1,), (2,), (3,), (0, 1), (2, 3)}

    def test_intervals_are_wider_at_a_higher_level_and_are_centred_on_the_value(self):
        fit, masks = support(GAME, noise=0.5)
        narrow, wide = (ranked_interactions(fit, masks, _even, max_order=2, level=q) for q in (0.5, 0.99))
        for a, b in zip(narrow, wide, strict=True):
            assert b.ci[0] < a.ci[0] < a.value < a.ci[1] < b.ci[1]
            assert sum(a.ci) / 2 == pytest.approx(a.value)

    def test_without_a_degree_of_freedom_left_intervals_are_unknown(self):
        game = FourierExpansion.from_mapping(2, {(): 1.0, (0,): 2.0, (0, 1): 1.0})
        fit, masks = support(game, copies=1)
        found = ranked_interactions(fit, masks, _even, max_order=2, level=0.9)
        assert found
        assert all(each.ci is None for each in found)

    def test_max_order_limits_the_sets_and_changes_no_value(self):
        rng = np.random.default_rng(0)
        masks = rng.random((200, 4)) < 0.5
        found = decoder().decode(masks, GAME.evaluate(masks) + 0.1 * rng.normal(size=200))
        singles = {each.members: each for each in found.interactions(max_order=1)}
        assert {each.order for each in singles.values()} == {1}
        assert singles == {each.members: each for each in found.interactions() if each.order == 1}


def _even(order):
    return float(order == 0)
