from __future__ import annotations

import numpy as np
import pytest
import torch

from spex_data.training import prepare_examples, probe_pass_size
from spex_data.training.engine import memory, probe
from spex_data.training.engine.probe import shortened, trained_tokens, whole_training
from spex_data.training.engine.stack import make_stack
from spex_data.training.schedule import training_steps
from tests.training.tiny_models import quick_recipe, short_of_memory, some_examples, some_groups, tiny_model

MASKS = np.array([[1, 0, 1, 1], [0, 1, 0, 1], [1, 1, 1, 1], [0, 0, 1, 0]], dtype=bool)


@pytest.fixture(scope="module")
def work():
    base, examples = tiny_model(), some_examples(n=20)
    prepared = prepare_examples(base, examples, quick_recipe())
    return base, prepared, some_groups(examples).present(MASKS)


@pytest.fixture
def hands(monkeypatch):
    """A clock that adapters' steps move: so many seconds a pass and an adapter more, as `costs` says."""

    class Clock:
        now, costs = 0.0, {}

        def train(self, base, examples, sequences, present, recipe, sites, seeds, shape):
            tokens = (present @ sequences.table.lengths).sum() * recipe.epochs
            self.now += self.costs.get(len(seeds), 1.0) * tokens

    clock = Clock()
    monkeypatch.setattr(probe, "train_stack", clock.train)
    monkeypatch.setattr(probe, "clock", lambda device: lambda: clock.now)
    return clock


def chosen(work, most=16, **choices):
    base, prepared, present = work
    return probe_pass_size(base, prepared, present, quick_recipe(), most=most, **choices)


class TestProbePassSize:
    """The smallest pass that is about as fast as the fastest, within memory."""

    def test_the_fastest_is_chosen_when_the_others_are_slower(self, work, hands):
        hands.costs = {1: 1.0, 2: 0.8, 4: 0.5, 8: 0.55, 16: 0.9}
        choice = chosen(work)
        assert (choice.adapters_per_pass, choice.ended) == (4, "slower")

    def test_of_equally_fast_ones_the_smallest_is_chosen(self, work, hands):
        hands.costs = {1: 1.0, 2: 0.501, 4: 0.5, 8: 0.5, 16: 0.499}
        assert chosen(work).adapters_per_pass == 2

    @pytest.mark.parametrize(("most", "sizes"), [(1, [1]), (2, [1, 2]), (12, [1, 2, 4, 8])])
    def test_no_more_are_tried_than_may_share_a_pass(self, work, hands, most, sizes):
        hands.costs = {1: 1.0, 2: 0.9, 4: 0.8, 8: 0.7}
        choice = chosen(work, most)
        assert [timing.adapters for timing in choice.timings] == sizes
        assert choice.ended == "largest"

    def test_no_more_are_tried_than_fit_into_the_free_memory_of_a_worker(self, work, hands, monkeypatch):
        hands.costs = {1: 1.0, 2: 0.9, 4: 0.8, 8: 0.7}
        one = make_stack(work[0], quick_recipe(), work[1].sites, 1).matrix
        each = memory.bytes_of_an_adapter(one.numel(), one.dtype)
        monkeypatch.setattr(probe, "free_bytes", lambda device: 17 * each)
        for share, most in ((1.0, 8), (0.5, 4), (0.01, 1)):
            choice = chosen(work, share=share)
            assert (choice.adapters_per_pass, choice.ended) == (most, "memory")

    def test_memory_that_runs_out_ends_the_probe_and_not_the_run(self, work, monkeypatch):
        short_of_memory(monkeypatch, lambda adapters, rows: adapters > 2, torch.OutOfMemoryError(), [])
        choice = chosen(work)
        assert choice.ended == "memory"
        assert choice.adapters_per_pass <= 2

    def test_memory_that_one_adapter_runs_out_of_is_left_to_the_training(self, work, monkeypatch):
        short_of_memory(monkeypatch, lambda adapters, rows: True, torch.OutOfMemoryError(), [])
        choice = chosen(work)
        assert (choice.adapters_per_pass, choice.timings, choice.ended) == (1, (), "memory")

    def test_a_real_probe_names_a_time_for_every_size_it_tried(self, work):
        choice = chosen(work, most=4)
        assert [timing.adapters for timing in choice.timings] in ([1, 2, 4], [1, 2])
        assert all(0 < timing.microseconds_per_token < 1e6 for timing in choice.timings)


class TestShortened:
    """A part of a training has steps like those of the whole."""

    @pytest.mark.parametrize("schedule", ["fixed", "filtered"])
    def test_steps_of_a_part_have_as_many_examples_as_steps_of_the_whole(self, schedule):
        recipe, present = quick_recipe(schedule=schedule, batch_size=10), np.arange(2000)[None] % 2 == 0
        few, part = shortened(recipe, present, 20)
        ids = [str(row) for row in range(2000)]
        sizes = [
            np.mean([len(rows) for rows in training_steps(ids, rows[0], chosen, 1)])
            for chosen, rows in ((recipe, present), (few, part))
        ]
        assert sizes[1] == pytest.approx(sizes[0], rel=0.25)
        assert not (part & ~present).any()

    def test_whole_epochs_are_kept_whole_and_a_whole_training_is_left_alone(self):
        recipe, present = quick_recipe(epochs=4, batch_size=5), np.ones((1, 20), dtype=bool)
        assert shortened(recipe, present, 9)[0].epochs == 2
        assert shortened(recipe, present, 16) == (recipe, present)
        assert whole_training(quick_recipe(max_steps=7), 20) == 7


class TestTrainedTokens:
    """The tokens that a training reads."""

    @pytest.mark.parametrize("changes", [{}, {"epochs": 5}, {"schedule": "filtered"}, {"max_steps": 10}])
    def test_they_are_those_of_its_steps(self, work, changes):
        _, prepared, present = work
        recipe, lengths = quick_recipe(batch_size=4, **changes), prepared.sequences.table.lengths
        for row, tokens in zip(present, trained_tokens(prepared, present, recipe), strict=True):
            steps = training_steps(prepared.examples.ids, row, recipe, 1)
            assert tokens == pytest.approx(sum(lengths[rows].sum() for rows in steps), rel=0.01)


class TestFreeBytes:
    """Free memory is what the machine has, or what is left of a container's limit."""

    def test_the_limit_of_a_container_counts(self, tmp_path, monkeypatch):
        (tmp_path / "memory.max").write_text("1000\n")
        (tmp_path / "memory.current").write_text("400\n")
        monkeypatch.setattr(memory, "_CGROUP", tmp_path)
        assert memory.free_bytes("cpu") == 600

    @pytest.mark.parametrize("limit", ["max", ""])
    def test_without_a_limit_it_is_the_machines(self, tmp_path, monkeypatch, limit):
        (tmp_path / "memory.max").write_text(limit)
        monkeypatch.setattr(memory, "_CGROUP", tmp_path)
        assert memory.free_bytes("cpu") > 2**20

    def test_of_other_devices_nothing_is_known(self):
        assert memory.free_bytes("mps") is None
