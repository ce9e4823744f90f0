from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.errors import MaskError
from spex_data.masks import MaskDistribution, design_masks, mask_string, measurement_plan

SCHEMES = ["bernoulli", "stratified"]


def rows(masks: np.ndarray) -> list[str]:
    return [mask_string(mask) for mask in masks]


class TestDesignMasks:
    """A design draws held-out masks first, then training masks that differ from them and from each other."""

    @settings(deadline=None, max_examples=40)
    @given(
        n=st.integers(2, 40),
        extra=st.integers(0, 60),
        seed=st.integers(0, 2**31),
        scheme=st.sampled_from(SCHEMES),
        p=st.sampled_from([0.2, 0.5, 0.8]),
    )
    def test_no_mask_is_drawn_twice_and_none_is_both_trained_and_held_out(self, n, extra, seed, scheme, p):
        design = design_masks(n, budget=n + 2 + extra, scheme=scheme, p=p, seed=seed)
        both = rows(design.training) + rows(design.heldout)
        assert len(set(both)) == len(both)
        assert len(design.heldout) == min(64, 2**n // 4)

    @settings(deadline=None, max_examples=40)
    @given(
        n=st.integers(2, 20),
        small=st.integers(0, 40),
        more=st.integers(0, 80),
        seed=st.integers(0, 1000),
        scheme=st.sampled_from(SCHEMES),
    )
    def test_a_larger_budget_extends_a_smaller_one(self, n, small, more, seed, scheme):
        first = design_masks(n, budget=n + 2 + small, scheme=scheme, seed=seed)
        second = design_masks(n, budget=n + 2 + small + more, scheme=scheme, seed=seed)
        assert rows(second.training)[: len(first.training)] == rows(first.training)
        assert rows(second.heldout) == rows(first.heldout)
        assert list(second.training_draws[: len(first.training)]) == list(first.training_draws)

    @pytest.mark.parametrize("scheme", SCHEMES)
    @pytest.mark.parametrize("p", [0.05, 0.5, 0.95])
    def test_a_budget_that_covers_all_other_masks_is_exhaustive(self, scheme, p):
        design = design_masks(6, budget=1000, scheme=scheme, p=p)
        every = {"".join(bits) for bits in itertools.product("01", repeat=6)}
        assert design.exhaustive
        assert set(rows(design.training)) | set(rows(design.heldout)) == every
        assert len(design.heldout) == 16

    def test_one_more_group_keeps_the_columns_of_the_others(self):
        keys = [f"group-{i}" for i in range(12)]
        small = design_masks(12, budget=100, heldout=0, group_keys=keys, seed=3)
        large = design_masks(13, budget=100, heldout=0, group_keys=[*keys, "new"], seed=3)
        before = dict(zip(small.training_draws, rows(small.training), strict=True))
        after = dict(zip(large.training_draws, rows(large.training), strict=True))
        shared = before.keys() & after.keys()
        assert len(shared) > 90
        assert all(after[draw][:12] == before[draw] for draw in shared)

    @pytest.mark.parametrize("scheme", SCHEMES)
    @pytest.mark.parametrize("budget", [50, 4000])
    def test_reordering_the_groups_reorders_the_columns_and_nothing_else(self, scheme, budget):
        keys = [f"group-{i}" for i in range(9)]
        order = np.random.default_rng(0).permutation(9)
        plain = design_masks(9, budget=budget, scheme=scheme, group_keys=keys)
        moved = design_masks(9, budget=budget, scheme=scheme, group_keys=[keys[i] for i in order])
        np.testing.assert_array_equal(plain.training[:, order], moved.training)
        np.testing.assert_array_equal(plain.heldout[:, order], moved.heldout)

    def test_another_seed_gives_other_masks(self):
        one, two = (design_masks(20, budget=50, seed=seed) for seed in (0, 1))
        assert rows(one.training) != rows(two.training)

    def test_groups_are_present_as_often_as_p_says_and_independently(self):
        masks = design_masks(30, budget=4000, p=0.8, heldout=0).training.astype(float)
        assert np.abs(masks.mean(axis=0) - 0.8).max() < 0.03
        correlation = np.corrcoef(masks.T) - np.eye(30)
        assert np.abs(correlation).max() < 0.08

    def test_stratified_masks_have_every_size_equally_often(self):
        sizes = design_masks(40, budget=41 * 20, scheme="stratified", heldout=0).training.sum(axis=1)
        counts = np.bincount(sizes, minlength=41)[2:-2]
        assert counts.min() >= 18
        assert counts.max() <= 22

    @pytest.mark.parametrize(
        ("kwargs", "says"),
        [
            ({"n_groups": 1, "budget": 10}, "at least 2 groups"),
            ({"n_groups": 8, "budget": 9}, "write at least 10"),
            ({"n_groups": 8, "budget": 20, "p": 1.0}, "between 0 and 1"),
            ({"n_groups": 8, "budget": 20, "scheme": "sobol"}, "bernoulli, stratified"),
            ({"n_groups": 20, "budget": 5000, "p": 0.001}, "nearer to 0.5"),
        ],
    )
    def test_what_cannot_be_drawn_is_said_with_what_to_write_instead(self, kwargs, says):
        n = kwargs.pop("n_groups")
        with pytest.raises(MaskError, match=says):
            design_masks(n, **kwargs)


class TestMaskDistribution:
    """Its parity moments are the means of parities over its masks."""

    @pytest.mark.parametrize("n", [1, 2, 5, 8])
    def test_parity_moments_equal_brute_force(self, n):
        every = np.array(list(itertools.product([0, 1], repeat=n)))
        size = every.sum(axis=1)
        counts = np.bincount(size, minlength=n + 1)
        weights = {
            "bernoulli": 0.3**size * 0.7 ** (n - size),
            "stratified": 1 / ((n + 1) * counts[size]),
        }
        for scheme, weight in weights.items():
            distribution = MaskDistribution(scheme, n, 0.3)
            for order in range(n + 1):
                parity = (-1.0) ** every[:, :order].sum(axis=1)
                assert distribution.parity_moment(order) == pytest.approx(weight @ parity, abs=1e-12)


class TestMeasurementPlan:
    """The plan names a seed for every fine-tune."""

    def test_varied_seeds_differ_and_do_not_depend_on_the_budget(self):
        small = measurement_plan(design_masks(10, budget=40), heldout_seeds=3)
        large = measurement_plan(design_masks(10, budget=80), heldout_seeds=3)
        assert len(set(small.seeds)) == len(small)
        assert list(large.seeds[: len(small)]) == list(small.seeds)
        assert small.roles.count("heldout") == 64 * 3

    def test_a_common_seed_is_one_seed_for_every_training_mask(self):
        plan = measurement_plan(design_masks(10, budget=40), seeds="common")
        assert len({s for s, role in zip(plan.seeds, plan.roles, strict=True) if role == "train"}) == 1

    def test_a_list_of_seeds_crosses_every_mask_with_every_seed(self):
        plan = measurement_plan(design_masks(10, budget=40), seeds=[5, 6], heldout_seeds=1)
        assert plan.roles.count("train") == 80
        assert list(plan.seeds[-2:]) == [5, 6]

    @given(size=st.integers(1, 50))
    def test_chunks_cover_every_row_once_and_start_at_multiples_of_their_size(self, size):
        plan = measurement_plan(design_masks(4, budget=6), heldout_seeds=2)
        chunks = list(plan.chunks(size))
        assert [row for chunk in chunks for row in chunk] == list(range(len(plan)))
        assert all(chunk.start % size == 0 for chunk in chunks)
