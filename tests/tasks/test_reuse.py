from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from spex_data.data import make_examples
from spex_data.evaluation import make_targets
from spex_data.groups import by_column
from spex_data.masks import design_masks, measurement_plan
from spex_data.value_functions import SubsetTraining
from spex_data.values import ValueRecords, ValueStore
from tasks.kept_adapters import find_kept, keep_adapters, measure_kept
from tasks.reuse import find_reuse, note_seconds, reuse_words, seconds_a_fine_tune
from tasks.run_folder import RunFolder
from tests.flows.conftest import write_study
from tests.training.tiny_models import WORDS, quick_recipe, tiny_model

BASE = tiny_model()


def function_of(groups=5, *, changed=None, **recipe) -> SubsetTraining:
    """Two texts a group; `changed` is a text that group g0 has in place of its first."""
    inputs = [f"{WORDS[row]} {WORDS[row + 1]}" for row in range(2 * groups)]
    inputs[0] = changed or inputs[0]
    names = [f"g{row // 2}" for row in range(2 * groups)]
    examples = make_examples("causal-lm", inputs, ["red"] * len(inputs), {"group": names})
    targets = make_targets("causal-lm", ["press the"], ["lamp"])
    grouping = by_column(examples.ids, names)
    return SubsetTraining(BASE, examples, grouping, quick_recipe(steps_per_epoch=3, **recipe), targets)


def plan_of(function: SubsetTraining, budget=14):
    keys = function.grouping.keys
    drawn = design_masks(len(keys), budget=budget, heldout=4, seed=1, group_keys=keys)
    return measurement_plan(drawn, heldout_seeds=1)


@dataclass
class Before:
    """A store that holds every value of a function."""

    function: SubsetTraining
    store: ValueStore

    def reuse(self, now: SubsetTraining, budget=14):
        return find_reuse(plan_of(now, budget), now, self.store.read(), {})


@pytest.fixture
def before(tmp_path) -> Before:
    function = function_of()
    plan, store = plan_of(function), ValueStore(tmp_path / "values")
    store.append(
        ValueRecords(
            keys=function.keys(plan.masks, plan.seeds),
            masks=["".join("01"[int(bit)] for bit in mask) for mask in plan.masks],
            roles=plan.roles,
            seeds=plan.seeds,
            targets=function.target_names,
            values=np.ones((len(plan), 1)),
            causes=[None] * len(plan),
        )
    )
    return Before(function, store)


class TestWhatIsStillValid:
    """What was measured is valid exactly as long as nothing that decides it has changed."""

    def test_all_of_an_unchanged_study(self, before):
        assert not before.reuse(function_of()).missing.any()

    def test_all_of_a_larger_budget_but_the_new_masks(self, before):
        missing = before.reuse(function_of(), budget=20).missing
        assert np.flatnonzero(missing).tolist() == list(range(18, 24))

    def test_the_masks_without_a_changed_text(self, before):
        now = function_of(changed="lamp lamp")
        plan, missing = plan_of(now), before.reuse(now).missing
        assert missing[plan.masks[:, 0]].all()
        assert 0 < (~missing).sum() == sum(key in set(_keys(before)) for key in _keys(before, now))

    def test_the_masks_without_a_new_group(self, before):
        now = function_of(groups=6)
        plan, missing = plan_of(now), before.reuse(now).missing
        assert missing[plan.masks[:, 5]].all()
        assert (~missing).any()

    def test_nothing_of_another_recipe(self, before):
        assert before.reuse(function_of(rank=4)).missing.all()

    def test_every_value_of_the_old_targets_and_none_of_a_new_one(self, before):
        more = make_targets("causal-lm", ["press the", "turn the"], ["lamp", "knob"])
        known = before.reuse(replace(before.function, targets=more)).known
        np.testing.assert_array_equal(known, np.tile([True, False], (len(known), 1)))

    def test_renamed_and_regrouped_texts_keep_their_values_where_the_same_texts_are_present(self, before):
        examples = before.function.examples
        renamed = by_column(examples.ids, [f"team {name}" for name in examples.columns["group"]])
        assert not before.reuse(replace(before.function, grouping=renamed)).missing.any()


def _keys(before: Before, now: SubsetTraining | None = None) -> list[str]:
    function = now or before.function
    plan = plan_of(function)
    return [row[0] for row in function.keys(plan.masks, plan.seeds)]


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.directory.mkdir()
    write_study(folder.study)
    return folder


class TestKeptAdapters:
    """A kept adapter stands for its training, whatever else has changed."""

    def test_other_targets_measured_on_kept_adapters_are_those_of_a_training_anew(self, folder):
        function = function_of()
        plan, rows = plan_of(function), [4, 5, 6, 7]
        keep_adapters(folder, function, plan, rows, function(plan.masks[rows], plan.seeds[rows]))
        more = make_targets("causal-lm", ["press the", "turn the"], ["lamp", "knob"])
        now = replace(function, targets=more)
        kept = find_kept(folder)
        reuse = find_reuse(plan, now, ValueStore(folder.directory / "values").read(), kept)
        assert np.flatnonzero(reuse.kept).tolist() == rows
        measured = measure_kept(folder, now.with_targets([1]), plan, [6, 4], tuple(set(kept.values())))
        fresh = now(plan.masks[rows], plan.seeds[rows]).values
        # other shapes of batches round otherwise
        np.testing.assert_allclose(measured.values[:, 0], fresh[[2, 0], 1], rtol=1e-6)

    def test_the_bank_of_an_update_leaves_the_adapters_of_before_in_place(self, folder):
        for function in (function_of(), function_of(changed="lamp lamp")):
            plan, rows = plan_of(function), [4, 5]
            keep_adapters(folder, function, plan, rows, function(plan.masks[rows], plan.seeds[rows]))
        assert len(find_kept(folder)) == len(
            {
                key
                for function in (function_of(), function_of(changed="lamp lamp"))
                for key in function.adapter_keys(plan_of(function).masks[4:6], plan_of(function).seeds[4:6])
            }
        )

    def test_a_truncated_bank_is_passed_over(self, folder):
        function = function_of()
        plan, rows = plan_of(function), [4, 5]
        keep_adapters(folder, function, plan, rows, function(plan.masks[rows], plan.seeds[rows]))
        bank = next(folder.adapters.glob("*.safetensors"))
        bank.write_bytes(bank.read_bytes()[:-7])
        assert find_kept(folder) == {}


class TestWords:
    """What is reused is said before anything is trained."""

    def words(self, **numbers) -> list[str]:
        known = {"total": 100, "done": 0, "kept": 0, "stored": 100, "changed": (), "seconds": None, **numbers}
        return reuse_words(**known)

    def test_a_new_run_says_nothing(self):
        assert self.words(stored=0) == []

    def test_what_is_valid_what_is_only_measured_and_what_is_trained(self):
        assert self.words(done=60, kept=30, seconds=90.0) == [
            "reused: 60 of 100 fine-tunes are valid as measured; 30 of 100 have a kept adapter, and are "
            "measured on the targets they lack; 10 are trained (about 15 min by what one took here)"
        ]

    def test_nothing_valid_is_said_plainly_with_what_changed(self):
        assert self.words(changed=("data", "groups")) == [
            "not as before: data, groups",
            "reused: none of the 100 fine-tunes was measured before as the study is now; 100 are trained",
        ]

    def test_all_valid_trains_nothing(self):
        assert self.words(done=100)[0].endswith(
            "100 of 100 fine-tunes are valid as measured; nothing is trained"
        )

    def test_the_clock_of_fine_tunes_adds_up_chunks(self):
        manifest = note_seconds({}, 4, 2.0)
        manifest = note_seconds(manifest, 4, 6.0)
        assert seconds_a_fine_tune(manifest) == 1.0
        assert seconds_a_fine_tune({}) is None
