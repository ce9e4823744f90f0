from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.masks.streams import uniforms
from spex_data.training.schedule import training_steps
from tests.training.tiny_models import quick_recipe

IDS = [f"example-{number}" for number in range(40)]
EVERYTHING = np.ones(len(IDS), dtype=bool)
presence = st.lists(st.booleans(), min_size=len(IDS), max_size=len(IDS)).map(np.array)
seeds = st.integers(0, 2**62)


def steps_of(ids, present, recipe, seed):
    return [rows.tolist() for rows in training_steps(ids, present, recipe, seed)]


class TestFixed:
    """An example's slot depends on the seed, the epoch and the example, and on nothing else."""

    @settings(max_examples=30)
    @given(present=presence, seed=seeds)
    def test_absent_examples_never_move_a_present_one(self, present, seed):
        full = steps_of(IDS, EVERYTHING, quick_recipe(), seed)
        assert steps_of(IDS, present, quick_recipe(), seed) == [
            [row for row in slot if present[row]] for slot in full
        ]

    @settings(max_examples=30)
    @given(order=st.permutations(range(len(IDS))), seed=seeds)
    def test_the_order_of_the_rows_does_not_matter(self, order, seed):
        plain = steps_of(IDS, EVERYTHING, quick_recipe(), seed)
        moved = steps_of([IDS[row] for row in order], EVERYTHING, quick_recipe(), seed)
        assert [[order[row] for row in slot] for slot in moved] == plain

    @settings(max_examples=30)
    @given(seed=seeds, slots=st.integers(1, 60))
    def test_example_x_sits_in_slot_floor_s_u_ordered_by_u(self, seed, slots):
        recipe = quick_recipe(steps_per_epoch=slots, epochs=3)
        steps = steps_of(IDS, EVERYTHING, recipe, seed)
        for epoch, u in enumerate(uniforms(seed, "order", IDS, np.arange(3)).tolist()):
            by_hand = [
                sorted((row for row in range(len(IDS)) if int(slots * u[row]) == slot), key=u.__getitem__)
                for slot in range(slots)
            ]
            assert steps[epoch * slots : (epoch + 1) * slots] == by_hand

    def test_an_epoch_has_s_steps_even_without_examples(self):
        assert steps_of(IDS, ~EVERYTHING, quick_recipe(steps_per_epoch=7, epochs=2), 1) == [[]] * 14

    def test_another_seed_or_epoch_gives_another_order(self):
        first, second = (steps_of(IDS, EVERYTHING, quick_recipe(epochs=2), seed) for seed in (1, 2))
        assert first != second
        assert first[:10] != first[10:]

    def test_slots_stay_what_they_were_in_earlier_releases(self):
        assert steps_of(IDS[:6], EVERYTHING[:6], quick_recipe(epochs=1), 3) == PINNED


PINNED = [[1, 4, 0, 5], [2, 3]]
"""Stored values hang on these."""


class TestFiltered:
    """The present examples alone, in whole batches."""

    @settings(max_examples=30)
    @given(present=presence, seed=seeds, size=st.integers(1, 50))
    def test_batches_are_whole_but_for_the_last_of_an_epoch(self, present, seed, size):
        recipe = quick_recipe(schedule="filtered", batch_size=size, epochs=2)
        sizes = [len(step) for step in steps_of(IDS, present, recipe, seed)]
        whole, rest = divmod(int(present.sum()), size)
        assert sizes == ([size] * whole + [rest] * (rest > 0)) * 2

    @settings(max_examples=30)
    @given(present=presence, seed=seeds)
    def test_the_order_is_that_of_the_fixed_schedule(self, present, seed):
        fixed = steps_of(IDS, present, quick_recipe(epochs=1), seed)
        filtered = steps_of(IDS, present, quick_recipe(epochs=1, schedule="filtered"), seed)
        assert sum(filtered, []) == sum(fixed, [])  # noqa: RUF017


class TestEpochs:
    """Every present example comes once an epoch, in either schedule."""

    @settings(max_examples=30)
    @given(present=presence, seed=seeds, kind=st.sampled_from(["fixed", "filtered"]))
    def test_every_present_example_comes_once_an_epoch(self, present, seed, kind):
        steps = steps_of(IDS, present, quick_recipe(schedule=kind, epochs=3), seed)
        for epoch in np.array_split(np.arange(len(steps)), 3):
            rows = [row for step in epoch for row in steps[step]]
            assert sorted(rows) == np.flatnonzero(present).tolist()
