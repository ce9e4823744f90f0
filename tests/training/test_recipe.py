from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spex_data.errors import TrainingError
from spex_data.training import LoraRecipe


class TestLoraRecipe:
    """A recipe refuses what cannot be meant."""

    @pytest.mark.parametrize(
        ("field", "value", "instead"),
        [
            ("rank", 0, "at least 1"),
            ("epochs", 0, "at least 1"),
            ("batch_size", -1, "at least 1"),
            ("alpha", 0.0, "above 0"),
            ("learning_rate", math.nan, "above 0"),
            ("clip_norm", -1.0, "0 or more"),
            ("weight_decay", math.nan, "0 or more"),
            ("steps_per_epoch", -3, "at least 0"),
            ("max_steps", -1, "at least 0"),
            ("warmup", -0.1, "0 or more"),
            ("warmup", 1.5, "a share of the steps"),
            ("optimizer", "adam", "adamw or sgd"),
            ("decay", "step", "linear or cosine or constant"),
            ("schedule", "random", "fixed or filtered"),
            ("layers", "last-0", "all, or last-k"),
            ("layers", "first-2", "all, or last-k"),
        ],
    )
    def test_a_field_out_of_its_range_is_named_with_what_to_write(self, field, value, instead):
        with pytest.raises(TrainingError, match=rf"{field}: is .*; write .*{instead}"):
            LoraRecipe(**{field: value})


class TestScaling:
    """The update is alpha / r, or alpha / sqrt(r), times B A."""

    def test_plain_lora_divides_by_the_rank(self):
        assert LoraRecipe(rank=4, alpha=8).scaling == 2

    def test_rank_stabilised_lora_divides_by_its_root(self):
        assert LoraRecipe(rank=4, alpha=8, rslora=True).scaling == 4


class TestFingerprint:
    """A fingerprint names every field but the number of steps, which belongs to the study."""

    @pytest.mark.parametrize(
        "change",
        [
            {"rank": 4},
            {"alpha": 8.0},
            {"target_modules": ("q_proj",)},
            {"layers": "last-1"},
            {"rslora": True},
            {"optimizer": "sgd"},
            {"learning_rate": 2e-3},
            {"weight_decay": 0.1},
            {"decay": "cosine"},
            {"clip_norm": 0.0},
            {"epochs": 4},
            {"batch_size": 8},
            {"schedule": "filtered"},
            {"warmup": 0.1},
            {"max_steps": 7},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_any_other_value_of_any_field_gives_another_fingerprint(self, change):
        assert replace(LoraRecipe(), **change).fingerprint != LoraRecipe().fingerprint

    def test_steps_written_out_name_the_same_recipe_as_steps_left_open(self):
        assert LoraRecipe(steps_per_epoch=5).fingerprint == LoraRecipe().fingerprint

    def test_whole_numbers_name_the_same_recipe_as_their_floats(self):
        assert LoraRecipe(alpha=16, clip_norm=1).fingerprint == LoraRecipe(alpha=16.0).fingerprint


class TestSlots:
    """S follows from all examples, present or not, unless it is fixed."""

    @given(n=st.integers(1, 10_000), size=st.integers(1, 64))
    def test_the_slots_hold_all_examples_and_one_less_would_not(self, n, size):
        slots = LoraRecipe(batch_size=size).slots(n)
        assert slots * size >= n > (slots - 1) * size

    def test_a_fixed_number_of_steps_does_not_follow_the_examples(self):
        assert LoraRecipe(steps_per_epoch=7).slots(1000) == 7


class TestRate:
    """The learning rate follows the global step."""

    @given(total=st.integers(1, 500), decay=st.sampled_from(["linear", "cosine", "constant"]))
    def test_it_starts_at_the_recipes_rate_and_never_rises_or_falls_to_zero(self, total, decay):
        recipe = LoraRecipe(decay=decay, learning_rate=0.25)
        rates = [recipe.rate(step, total) for step in range(total)]
        assert rates[0] == 0.25
        assert rates == sorted(rates, reverse=True)
        assert rates[-1] > 0

    def test_linear_and_cosine_are_at_half_the_rate_half_way(self):
        for decay in ("linear", "cosine"):
            assert LoraRecipe(decay=decay, learning_rate=1.0).rate(5, 10) == pytest.approx(0.5)

    @given(total=st.integers(1, 200), warmup=st.floats(0, 1))
    def test_a_warm_up_only_rises_to_the_rate_without_it_and_is_over_on_time(self, total, warmup):
        plain, warm = LoraRecipe(decay="constant"), LoraRecipe(decay="constant", warmup=warmup)
        rates = [warm.rate(step, total) for step in range(total)]
        assert rates == sorted(rates)
        assert sum(rate < plain.learning_rate for rate in rates) == max(0, math.ceil(warmup * total) - 1)
        assert rates[-1] == plain.learning_rate
