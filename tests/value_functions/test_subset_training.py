from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from spex_data.evaluation import evaluate_targets, make_targets
from spex_data.groups import by_list
from spex_data.value_functions import SubsetTraining
from tests.training.tiny_models import quick_recipe, some_examples, some_groups, tiny_model

MASKS = np.array([[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 0, 1], [1, 1, 1, 1]], dtype=bool)
SEEDS = np.array([1, 2, 3, 4])


def function_of(kind="llama", core=(), dtype=torch.float64, **changes):
    base = tiny_model(kind, dtype=dtype)
    examples, asked = some_examples(base.task, n=20), some_examples(base.task, n=3, seed=9)
    targets = make_targets(base.task, asked.inputs, asked.outputs)
    return SubsetTraining(base, examples, some_groups(examples, core), quick_recipe(**changes), targets)


def flat(keys):
    return [key for row in keys for key in row]


class TestValues:
    """Higher is better, one number a target."""

    @pytest.mark.parametrize("engine", ["stacked", "reference"])
    def test_the_empty_mask_has_the_values_of_the_base_model(self, engine):
        function = replace(function_of(), engine=engine)
        expected = evaluate_targets(function.base_model.model, function.base_model, function.targets)
        np.testing.assert_allclose(function(MASKS, SEEDS).values[1], expected, atol=1e-5)

    def test_with_a_core_the_empty_mask_is_the_core_alone(self):
        with_core = function_of(core=("g3",))
        plain = function_of()
        core_alone = with_core(np.zeros((1, 3), dtype=bool), SEEDS[:1]).values
        last_alone = plain(np.array([[0, 0, 0, 1]], dtype=bool), SEEDS[:1]).values
        np.testing.assert_allclose(core_alone, last_alone, atol=1e-6)

    def test_company_order_and_chunks_change_nothing_but_rounding(self):
        function = function_of()
        whole = function(MASKS, SEEDS).values
        for rows in ([3, 1, 0, 2], [2], [0, 3]):
            np.testing.assert_allclose(function(MASKS[rows], SEEDS[rows]).values, whole[rows], atol=1e-6)

    def test_renaming_and_reordering_groups_change_nothing_but_rounding(self):
        function = function_of()
        members = function.grouping.members
        lists = {f"other {new}": list(members[old]) for new, old in enumerate([2, 0, 3, 1])}
        moved = replace(function, grouping=by_list(function.examples.ids, lists))
        np.testing.assert_allclose(
            moved(MASKS[:, [2, 0, 3, 1]], SEEDS).values, function(MASKS, SEEDS).values, atol=1e-6
        )
        assert moved.keys(MASKS[:, [2, 0, 3, 1]], SEEDS) == function.keys(MASKS, SEEDS)

    def test_a_kept_bank_gives_the_values_again_and_values_of_new_targets(self):
        function = function_of()
        measured = function(MASKS, SEEDS)
        np.testing.assert_array_equal(function.evaluate(measured.bank), measured.values)
        more = replace(function, targets=make_targets("causal-lm", ["red"], ["lamp"]))
        assert more.evaluate(measured.bank).shape == (4, 1)

    def test_a_failed_mask_has_no_values_but_a_cause(self):
        function = function_of("bert", learning_rate=1e300, optimizer="sgd", clip_norm=0.0, epochs=3)
        measured = function(MASKS, SEEDS)
        failed = np.array([cause is not None for cause in measured.causes])
        assert failed.tolist() == [True, False, True, True]
        np.testing.assert_array_equal(np.isnan(measured.values), np.repeat(failed[:, None], 3, axis=1))


class TestKeys:
    """A key names all that decides a value, and nothing else."""

    @pytest.mark.parametrize(
        "changes",
        [{"rank": 3}, {"steps_per_epoch": 7}, {"schedule": "filtered"}],
        ids=lambda change: str(change),
    )
    def test_another_recipe_or_s_gives_other_keys(self, changes):
        one, other = function_of(), function_of(**changes)
        assert not set(flat(one.keys(MASKS, SEEDS))) & set(flat(other.keys(MASKS, SEEDS)))

    def test_s_left_open_and_s_written_out_have_the_same_keys(self):
        assert function_of(steps_per_epoch=5).keys(MASKS, SEEDS) == function_of().keys(MASKS, SEEDS)

    def test_the_filtered_schedule_has_no_s(self):
        one, other = (function_of(schedule="filtered", steps_per_epoch=steps) for steps in (5, 9))
        assert one.keys(MASKS, SEEDS) == other.keys(MASKS, SEEDS)

    def test_every_mask_seed_and_target_has_a_key_of_its_own(self):
        function = function_of()
        rows, seeds = np.repeat(MASKS, 2, axis=0), np.tile([1, 2], 4)
        assert len(set(flat(function.keys(rows, seeds)))) == 8 * 3

    def test_another_model_gives_other_keys(self):
        one, other = function_of("llama"), function_of("qwen2")
        assert not set(flat(one.keys(MASKS, SEEDS))) & set(flat(other.keys(MASKS, SEEDS)))

    def test_other_groups_of_the_same_examples_have_the_same_keys(self):
        function = function_of()
        first, second, *rest = function.grouping.members
        joined = {"both": [*first, *second], **{f"g{place}": list(rows) for place, rows in enumerate(rest)}}
        coarse = replace(function, grouping=by_list(function.examples.ids, joined))
        fine_keys = function.keys(np.array([[1, 1, 0, 1]], dtype=bool), SEEDS[:1])
        assert coarse.keys(np.array([[1, 0, 1]], dtype=bool), SEEDS[:1]) == fine_keys

    def test_neither_the_engine_nor_the_size_of_a_pass_is_part_of_it(self):
        function = function_of()
        other = replace(function, engine="reference", adapters_per_pass=3)
        assert other.keys(MASKS, SEEDS) == function.keys(MASKS, SEEDS)
