"""The word for what a pair does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.masks import MaskDistribution
from spex_data.spectra import PAIR_KINDS, Corners, corner_means, pair_kind
from tests.strategies import all_masks, sparse_games

corners = st.builds(Corners, *[st.integers(-8, 8).map(float)] * 4)


class TestCornerMeans:
    """f with the pair set and the others drawn."""

    @settings(deadline=None)
    @given(sparse_games(least=2, most=6), st.floats(0.05, 0.95), st.data())
    def test_each_is_the_mean_over_backgrounds(self, game, p, data):
        n = game.n_groups
        i, j = data.draw(st.permutations(range(n)))[:2]
        masks = all_masks(n)
        sizes = masks.sum(axis=1)
        chance = p**sizes * (1 - p) ** (n - sizes)
        (found,) = corner_means(game, [(i, j)], MaskDistribution("bernoulli", n, p).parity_moment)
        for a, b, value in (
            (0, 0, found.neither),
            (1, 0, found.first),
            (0, 1, found.second),
            (1, 1, found.both),
        ):
            corner = masks.copy()
            corner[:, i], corner[:, j] = a, b
            assert value == pytest.approx(chance @ game.evaluate(corner), abs=1e-9)

    @settings(deadline=None)
    @given(sparse_games(least=2, most=6))
    def test_their_interaction_is_the_mean_discrete_derivative(self, game):
        moment = MaskDistribution("bernoulli", game.n_groups, 0.3).parity_moment
        found = corner_means(game, [(0, 1)], moment)[0].interaction
        assert found == pytest.approx(game.discrete_derivative((0, 1), moment), abs=1e-9)


class TestPairKind:
    """The rules of the table."""

    @pytest.mark.parametrize(
        ("neither", "first", "second", "both", "kind"),
        [
            (0, 0, 0, 1, "complementary"),
            (0, 1, 1, 4, "complementary"),
            (0, -0.1, 0, 3, "complementary"),
            (0, 1, 1, 1, "redundant"),
            (0, 2, 1, 2.5, "redundant"),
            (0, 1, 1, 0, "interference"),
            (0, 1, 0, 0, "interference"),
            (0, 0, 0, -1, "interference"),
            (0, -1, -1, -4, "interference"),
            (0, -1, -1, -1, "redundant-harm"),
            (0, -2, -1, -2.5, "redundant-harm"),
            (0, -1, 0, 0, "antidote"),
            (0, 0, -1, 0, "antidote"),
            (0, -1, 1, 1, "antidote"),
            (0, -1, -1, 0, "antidote"),
            (0, 1, 2, 3, None),
            (0, 0, 0, 0, None),
        ],
    )
    def test_games_with_a_name_have_it(self, neither, first, second, both, kind):
        assert pair_kind(Corners(neither, first, second, both)) == kind

    @settings(deadline=None)
    @given(corners, st.floats(0.1, 10), st.integers(-100, 100))
    def test_units_and_offset_do_not_matter(self, c, scale, offset):
        moved = Corners(*(scale * x + offset for x in (c.neither, c.first, c.second, c.both)))
        if abs(moved.interaction) > 1e-6 or c.interaction == 0:
            assert (pair_kind(moved) == pair_kind(c)) or c.interaction == 0

    @settings(deadline=None)
    @given(corners)
    def test_the_order_of_the_two_does_not_matter(self, c):
        assert pair_kind(c) == pair_kind(Corners(c.neither, c.second, c.first, c.both))

    @settings(deadline=None)
    @given(corners)
    def test_every_pair_that_interacts_has_a_kind_that_fits_its_sign(self, c):
        kind = pair_kind(c)
        if c.interaction == 0:
            assert kind is None
        else:
            assert kind in PAIR_KINDS
            assert (kind in ("redundant", "interference")) == (c.interaction < 0)

    def test_rounding_does_not_change_the_kind_of_an_exact_or(self):
        for noise in np.random.default_rng(0).normal(size=(50, 4)) * 1e-14:
            assert pair_kind(Corners(*(np.array([0.0, 1, 1, 1]) + noise))) == "redundant"
