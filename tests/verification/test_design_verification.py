"""Which masks are retrained."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spex_data.errors import ConfigError
from spex_data.masks import MaskDistribution
from spex_data.verification import LEAST_ROUNDS, design_verification

N = 7
KEYS = [f"group {number}" for number in range(N)]
FAIR = MaskDistribution("bernoulli", N)


def designed(sets, budget=10_000, rounds=6, distribution=FAIR, **changes):
    return design_verification(distribution, KEYS, sets, budget=budget, rounds=rounds, seed=3, **changes)


some_sets = st.lists(
    st.sets(st.integers(0, N - 1), min_size=2, max_size=4).map(lambda one: tuple(sorted(one))),
    min_size=1,
    max_size=6,
    unique=True,
)


class TestDesign:
    """Corners of sets over fresh backgrounds, at a cost that is known before."""

    @given(some_sets)
    def test_every_corner_of_every_set_is_measured_in_every_round_with_one_seed(self, sets):
        design = designed(sets)
        masks, seeds = design.rows()
        per_round = len(design.flips)
        for start in range(0, design.n_rounds * per_round, per_round):
            block, block_seeds = masks[start : start + per_round], seeds[start : start + per_round]
            assert len(set(block_seeds.tolist())) == 1
            for one in sets:
                others = [group for group in range(N) if group not in one]
                same = (block[:, others] == block[0][others]).all(axis=1)
                assert len(np.unique(block[same][:, list(one)], axis=0)) == 2 ** len(one)

    @given(some_sets, st.integers(16, 400))
    def test_it_never_costs_more_than_its_budget_nor_holds_a_mask_twice_in_a_round(self, sets, budget):
        try:
            design = designed(sets, budget=budget, front=sets[:1])
        except ConfigError:
            assert budget < LEAST_ROUNDS * 2 ** len(sets[0])
            return
        masks, seeds = design.rows()
        assert len(design) == len(masks) == len(seeds) <= budget
        assert design.n_rounds >= LEAST_ROUNDS
        a_round = masks[: len(design.flips)]
        assert len(np.unique(a_round, axis=0)) == len(design.flips)

    def test_sets_that_share_groups_share_masks(self):
        apart = len(designed([(0, 1)]).flips) + len(designed([(1, 2)]).flips)
        assert len(designed([(0, 1), (1, 2)]).flips) < apart

    def test_three_pairs_of_three_groups_are_completed_by_the_triple_for_one_more_mask(self):
        design = designed([(0, 1), (0, 2), (1, 2)])
        assert design.faces == ((0, 1, 2),)
        assert len(design.flips) == 8

    def test_a_larger_number_of_rounds_keeps_the_rounds_before(self):
        few, many = designed([(0, 1)], rounds=4), designed([(0, 1)], rounds=9)
        masks, seeds = few.rows()
        more_masks, more_seeds = many.rows()
        np.testing.assert_array_equal(more_masks[: len(few)], masks)
        np.testing.assert_array_equal(more_seeds[: len(few)], seeds)

    def test_a_budget_too_small_for_one_interaction_is_refused_with_what_it_takes(self):
        with pytest.raises(ConfigError, match=r"verify.share: allows 15 fine-tunes.* takes 16"):
            designed([(0, 1)], budget=15)

    def test_nothing_to_test_costs_nothing(self):
        design = designed([])
        assert len(design) == 0
        assert design.rows()[0].shape == (0, N)

    def test_a_phantom_group_changes_the_seed_and_not_the_mask(self):
        design = designed([(0, 1)], controls=[(0, N)])
        masks, seeds = design.rows()
        per_round = len(design.flips)
        assert per_round == 4 + 2
        assert len(np.unique(masks[:per_round], axis=0)) == 4
        assert len(set(seeds[:per_round].tolist())) == 2

    def test_full_rounds_take_groups_of_the_front_away_from_everything(self):
        design = designed([(0, 1), (2, 3)], front=[(2, 3)], full_rounds=2)
        masks, seeds = (each[design.n_rounds * len(design.flips) :] for each in design.rows())
        assert len(masks) == 8
        assert masks[:, [0, 1, 4, 5, 6]].all()
        assert len(set(seeds.tolist())) == 2

    def test_backgrounds_come_from_the_studys_distribution(self):
        mostly = MaskDistribution("bernoulli", N, 0.8)
        design = designed([(0, 1)], rounds=400, distribution=mostly)
        assert design.backgrounds[:, :N].mean() == pytest.approx(0.8, abs=0.03)

    def test_every_pair_of_groups_in_play_that_is_free_of_sets_costs_one_mask(self):
        tested = [(0, 1), (2, 3)]
        for pair in combinations(range(4), 2):
            extra = len(designed(tested, controls=[pair]).flips) - len(designed(tested).flips)
            assert extra == (0 if pair in tested else 1)
