from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.errors import MaskError
from spex_data.masks import MaskDistribution, design_masks, mask_string
from spex_data.masks.bch import times_gf2
from spex_data.masks.coded import least_masks


def rows(masks):
    return {mask_string(mask) for mask in masks.reshape(-1, masks.shape[-1])}


def coded(n, budget, **options):
    return design_masks(n, scheme="spex", budget=budget, **options)


class TestCodedDesign:
    """A coded design asks for the masks of the largest code within its budget."""

    @settings(deadline=None, max_examples=30)
    @given(
        n=st.integers(2, 70),
        degree=st.integers(1, 6),
        more=st.integers(0, 400),
        seed=st.integers(0, 2**31),
    )
    def test_masks_differ_and_keep_to_the_budget_and_leave_the_heldout_ones_out(self, n, degree, more, seed):
        budget = max(least_masks(n, degree), n + 2) + more
        design = coded(n, budget, degree=degree, seed=seed)
        available = 2**n - len(design.heldout)
        assert len(design.training) == len(rows(design.training)) == min(budget, available)
        assert not rows(design.training) & rows(design.heldout)
        assert len(set(design.training_draws.tolist())) == len(design.training)

    @pytest.mark.parametrize(("n", "budget"), [(8, 150), (16, 224), (33, 700)])
    def test_every_mask_of_the_code_is_trained_on_or_held_out(self, n, budget):
        design = coded(n, budget)
        everything = rows(design.training) | rows(design.heldout)
        assert all(rows(block.masks) <= everything for block in design.code.blocks)

    @pytest.mark.parametrize(("n", "degree", "budget"), [(12, 3, 200), (32, 5, 700), (64, 2, 1500)])
    def test_bin_and_signs_of_a_set_alone_are_its_checks(self, n, degree, budget):
        design = coded(n, budget, degree=degree)
        rng = np.random.default_rng(0)
        for block in design.code.blocks:
            members = np.zeros(n, dtype=bool)
            members[rng.choice(n, degree, replace=False)] = True
            signs = times_gf2(block.masks.reshape(-1, n), members[:, None]).reshape(block.masks.shape[:2])
            bits = [signs[0, 1 << place] ^ signs[0, 0] for place in range(block.bits)]
            products = np.array([*bits, *(signs[1:, 0] ^ signs[0, 0])])
            checks = times_gf2(block.from_products, products[:, None])[:, 0]
            assert np.array_equal(checks, design.code.code.syndromes(members[None])[0])

    def test_the_held_out_masks_are_those_of_the_uniform_design(self):
        plain = design_masks(20, budget=400, seed=3)
        assert np.array_equal(plain.heldout, coded(20, 400, seed=3).heldout)

    def test_what_the_code_leaves_of_the_budget_is_drawn_like_uniform_masks(self):
        design, plain = coded(32, 470), design_masks(32, budget=400)
        draws = dict(zip(plain.training_draws.tolist(), rows_in_order(plain), strict=True))
        own = dict(zip(design.training_draws.tolist(), rows_in_order(design), strict=True))
        shared = own.keys() & draws.keys()
        assert len(shared) == 470 - sum(block.masks.shape[0] * block.n_bins for block in design.code.blocks)
        assert all(own[draw] == draws[draw] for draw in shared)

    @pytest.mark.parametrize("seed", range(3))
    def test_a_larger_budget_keeps_the_masks_of_a_smaller_code_and_their_draws(self, seed):
        small, large = coded(32, 456, seed=seed), coded(32, 5000, seed=seed)
        draws = dict(zip(rows_in_order(large), large.training_draws.tolist(), strict=True))
        own = dict(zip(rows_in_order(small), small.training_draws.tolist(), strict=True))
        kept = set().union(*(rows(block.masks) for block in small.code.blocks)) & own.keys()
        assert large.code.blocks[0].bits > small.code.blocks[0].bits
        assert all(draws[mask] == own[mask] for mask in kept)

    def test_the_same_seed_gives_the_same_masks(self):
        one, two = (coded(24, 500, seed=4) for _ in range(2))
        assert np.array_equal(one.training, two.training)
        assert np.array_equal(one.training_draws, two.training_draws)

    def test_another_seed_gives_other_masks(self):
        one, two = (coded(24, 500, seed=seed) for seed in (0, 1))
        assert len(rows(one.training) & rows(two.training)) < 5

    @pytest.mark.parametrize("budget", [224, 900])
    def test_reordering_the_groups_reorders_the_columns_and_nothing_else(self, budget):
        keys = [f"group-{i}" for i in range(16)]
        order = np.random.default_rng(0).permutation(16)
        plain = coded(16, budget, group_keys=keys)
        moved = coded(16, budget, group_keys=[keys[i] for i in order])
        assert np.array_equal(plain.training[:, order], moved.training)
        assert np.array_equal(plain.training_draws, moved.training_draws)

    def test_groups_are_present_half_of_the_time(self):
        shares = np.mean([coded(30, 400, seed=seed).training.mean(axis=0) for seed in range(12)], axis=0)
        assert np.abs(shares - 0.5).max() < 0.05

    def test_a_code_of_some_groups_has_the_masks_without_the_others(self):
        design, places = coded(20, 500), np.array([0, 3, 4, 11, 19])
        for block, part in zip(design.code.blocks, design.code.restricted(places).blocks, strict=True):
            assert np.array_equal(block.masks[:, :, places], part.masks)

    def test_a_budget_that_covers_all_masks_is_exhaustive(self):
        design = coded(6, 1000)
        assert design.exhaustive
        assert len(design.training) == 48


class TestSmallestBudget:
    """A budget that no code fits into is refused by the name of the smallest that works."""

    @pytest.mark.parametrize(("n", "least"), [(16, 224), (32, 320), (64, 432), (128, 560)])
    def test_one_mask_too_few_names_the_smallest_budget_which_then_works(self, n, least):
        with pytest.raises(MaskError, match=f"is {least - 1} for {n} groups.*write at least {least}"):
            coded(n, least - 1)
        assert len(coded(n, least).training) == least

    def test_it_names_the_degree_that_the_budget_allows(self):
        with pytest.raises(MaskError, match=r"or masks\.degree: 3$"):
            coded(64, 300)
        assert coded(64, 300, degree=3).code.degree == 3

    def test_where_no_degree_fits_it_names_another_scheme(self):
        with pytest.raises(MaskError, match=r"write at least 432.*or masks\.scheme: bernoulli$"):
            coded(64, 80)

    def test_another_p_than_a_half_is_refused(self):
        with pytest.raises(MaskError, match=r"masks\.p: is 0\.8, and in coded masks half .* write 0\.5"):
            coded(16, 400, p=0.8)

    def test_backgrounds_are_those_of_uniform_masks(self):
        coded_ones, uniform = MaskDistribution("spex", 9), MaskDistribution("bernoulli", 9)
        assert [coded_ones.parity_moment(k) for k in range(10)] == [
            uniform.parity_moment(k) for k in range(10)
        ]


def rows_in_order(design):
    return [mask_string(mask) for mask in design.training]
