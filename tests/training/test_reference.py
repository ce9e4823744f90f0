from __future__ import annotations

import numpy as np
import pytest
import torch

from spex_data.data import make_examples
from spex_data.training import encode_examples, finetune_one, plain_adapter, plain_examples, train_adapters
from spex_data.training.peft_model import adapter_state
from spex_data.training.reference import (
    mean_loss,
    plain_epochs,
    plain_rate,
    plain_uniform,
    reset_adapter,
)
from spex_data.training.schedule import training_steps
from spex_data.training.sites import find_sites, initial_matrix
from tests.training.tiny_models import (
    CAUSAL,
    CLASSIFIERS,
    quick_recipe,
    some_examples,
    some_groups,
    tiny_model,
)


def trained(base, examples, present, recipe=None, seed=5):
    recipe = recipe or quick_recipe()
    with plain_adapter(base, recipe) as model:
        encoded = plain_examples(base, examples)
        loss = finetune_one(model, base, encoded, np.asarray(present, dtype=bool), recipe, seed)
        return adapter_state(model), loss


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class TestMeanLoss:
    """The mean over examples of the mean over tokens."""

    @pytest.mark.parametrize("kind", [*CAUSAL, *CLASSIFIERS])
    def test_the_loss_of_a_batch_is_the_mean_of_its_examples_losses(self, kind):
        base = tiny_model(kind, dtype=torch.float64)
        examples = plain_examples(base, some_examples(base.task))[::2]
        with torch.no_grad():
            batch = mean_loss(base.model, base, examples)
            alone = [mean_loss(base.model, base, [example]) for example in examples]
        torch.testing.assert_close(batch, torch.stack(alone).mean(), rtol=1e-6, atol=1e-6)


class TestFinetuneOne:
    """A value depends on the model, the recipe, S, the seed and the present examples, and on nothing else."""

    @pytest.mark.parametrize("kind", ["llama", "bert"])
    def test_the_content_of_absent_examples_does_not_matter(self, kind):
        base = tiny_model(kind)
        examples = some_examples(base.task)
        present = np.arange(12) < 8
        other = some_examples(base.task, seed=1)
        mixed = make_examples(
            base.task,
            examples.inputs[:8] + tuple(f"{text} other" for text in other.inputs[8:]),
            examples.outputs[:8] + other.outputs[8:],
        )
        assert same(trained(base, examples, present)[0], trained(base, mixed, present)[0])

    @pytest.mark.parametrize("schedule", ["fixed", "filtered"])
    def test_present_examples_at_other_rows_give_the_same_adapter(self, schedule):
        base, examples, recipe = tiny_model(), some_examples(), quick_recipe(schedule=schedule)
        present = np.arange(12) % 3 > 0
        backwards = examples.select(range(11, -1, -1))
        one, other = trained(base, examples, present, recipe), trained(base, backwards, present[::-1], recipe)
        assert same(one[0], other[0])

    def test_what_ran_before_does_not_matter(self):
        base, examples, recipe = tiny_model(), some_examples(), quick_recipe()
        encoded = plain_examples(base, examples)
        with plain_adapter(base, recipe) as model:
            finetune_one(model, base, encoded, np.ones(12, dtype=bool), recipe, 1)
            finetune_one(model, base, encoded, np.arange(12) < 6, recipe, 5)
            second = adapter_state(model)
        assert same(second, trained(base, examples, np.arange(12) < 6)[0])

    def test_the_global_random_state_neither_matters_nor_changes(self):
        base, examples = tiny_model(), some_examples()
        torch.manual_seed(1)
        one = trained(base, examples, np.ones(12))[0]
        state = torch.random.get_rng_state()
        other = trained(base, examples, np.ones(12))[0]
        assert same(one, other)
        assert torch.equal(torch.random.get_rng_state(), state)

    def test_without_examples_the_adapter_keeps_its_initial_state(self):
        state, loss = trained(tiny_model(), some_examples(), np.zeros(12))
        assert np.isnan(loss)
        assert all(not tensor.any() for name, tensor in state.items() if "lora_B" in name)
        assert all(tensor.any() for name, tensor in state.items() if "lora_A" in name)

    def test_an_empty_slot_leaves_the_adapter_untouched_and_moves_the_learning_rate_on(self):
        base, examples = tiny_model(), some_examples()
        seldom, often = (quick_recipe(steps_per_epoch=steps, epochs=1) for steps in (1, 1000))
        alone = np.arange(12) == 3
        # One example: 999 of the 1,000 slots are empty, and the one step has its slot's learning rate.
        (steps,) = plain_epochs(examples.ids, alone, often, 5)
        slot = next(number for number, rows in enumerate(steps) if rows)
        same_rate = quick_recipe(steps_per_epoch=1, epochs=1, learning_rate=plain_rate(slot, 1000, often))
        assert same(trained(base, examples, alone, often)[0], trained(base, examples, alone, same_rate)[0])
        assert not same(trained(base, examples, alone, often)[0], trained(base, examples, alone, seldom)[0])

    def test_the_loss_is_the_mean_of_the_last_epochs_examples(self):
        base, examples = tiny_model(dtype=torch.float64), some_examples()
        encoded, still = plain_examples(base, examples), quick_recipe(learning_rate=1e-300)
        _, loss = trained(base, examples, np.arange(12) < 7, still)
        with torch.no_grad():
            assert loss == pytest.approx(mean_loss(base.model, base, encoded[:7]).item())

    def test_another_seed_gives_another_start_and_another_end(self):
        base, examples = tiny_model(), some_examples()
        starts = [trained(base, examples, np.zeros(12), seed=seed)[0] for seed in (1, 2)]
        ends = [trained(base, examples, np.ones(12), seed=seed)[0] for seed in (1, 2)]
        assert not same(*starts)
        assert not same(*ends)

    def test_training_lowers_the_loss(self):
        base, recipe = tiny_model(), quick_recipe(epochs=15)
        examples = plain_examples(base, some_examples())
        with plain_adapter(base, recipe) as model:
            before = mean_loss(model, base, examples).item()
            finetune_one(model, base, examples, np.ones(12, dtype=bool), recipe, 5)
            assert mean_loss(model, base, examples).item() < 0.7 * before

    def test_a_classification_head_is_trained_with_the_adapter(self):
        base = tiny_model("bert")
        start, end = (trained(base, some_examples(base.task), np.full(12, on))[0] for on in (False, True))
        for name in ("classifier.weight", "classifier.bias"):
            name = f"base_model.model.{name}"
            assert torch.equal(start[name], base.model.get_parameter(name.removeprefix("base_model.model.")))
            assert not torch.equal(start[name], end[name])

    @pytest.mark.parametrize(
        "changes",
        [
            {"optimizer": "sgd"},
            {"decay": "cosine"},
            {"clip_norm": 0.01},
            {"weight_decay": 0.5},
            {"rslora": True},
            {"schedule": "filtered"},
            {"layers": "last-1"},
            {"target_modules": ("q_proj",)},
            {"warmup": 0.5},
            {"max_steps": 4},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_every_choice_of_the_recipe_changes_what_is_learnt(self, changes):
        base, examples = tiny_model(), some_examples()
        plain = trained(base, examples, np.ones(12))[0]
        assert not same(plain, trained(base, examples, np.ones(12), quick_recipe(**changes))[0])


class TestReferenceEngine:
    """One adapter after the other, whatever the chunks."""

    def test_chunks_and_order_change_no_bit(self):
        base, examples, recipe = tiny_model(), some_examples(), quick_recipe()
        groups = some_groups(examples)
        masks = np.array([[1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 0]], dtype=bool)
        seeds = np.arange(4)
        train = lambda rows: train_adapters(  # noqa: E731
            base, examples, groups, masks[rows], recipe, seed=seeds[rows], engine="reference"
        )
        whole = train([0, 1, 2, 3])
        for rows in ([3, 1], [2], [0]):
            part = train(rows)
            for place, row in enumerate(rows):
                assert same(part.state(place), whole.state(row))
                np.testing.assert_equal(part.losses[place], whole.losses[row])


class TestSecondReading:
    """The reference and the engine read the definitions alike, without a line of code in common."""

    @pytest.mark.parametrize("kind", [*CAUSAL, *CLASSIFIERS])
    def test_tokens_answers_and_starts_are_the_engines(self, kind):
        base = tiny_model(kind)
        examples = some_examples(base.task)
        engine, plain = encode_examples(base, examples), plain_examples(base, examples)
        assert engine.tokens == tuple(tuple(example.tokens) for example in plain)
        assert engine.ids == tuple(example.id for example in plain)
        for example, answer, start in zip(plain, engine.answers, engine.starts, strict=True):
            scored = [place for place, label in enumerate(example.labels) if label != -100]
            assert tuple(example.labels[place] for place in scored) == answer
            if base.task == "causal-lm":
                assert scored == [start + 1 + place for place in range(len(answer))]

    def test_a_text_longer_than_the_model_reads_is_cut_alike(self):
        base = tiny_model("bert")
        examples = make_examples("classification", ["red " * 40, "a"], ["go", "wait"])
        assert [example.tokens for example in plain_examples(base, examples)] == [
            list(tokens) for tokens in encode_examples(base, examples).tokens
        ]

    @pytest.mark.parametrize("schedule", ["fixed", "filtered"])
    @pytest.mark.parametrize("steps", [{}, {"max_steps": 5}, {"max_steps": 17}, {"epochs": 3}])
    def test_every_step_has_the_engines_rows_and_rate(self, schedule, steps):
        ids = [f"example {number}" for number in range(23)]
        for decay, warmup in (("linear", 0.0), ("cosine", 0.3), ("constant", 1.0)):
            recipe = quick_recipe(schedule=schedule, decay=decay, warmup=warmup, **steps)
            for seed, present in ((0, np.arange(23) % 3 > 0), (2**60, np.ones(23)), (5, np.zeros(23))):
                engine = [rows.tolist() for rows in training_steps(ids, present.astype(bool), recipe, seed)]
                plain = [rows for epoch in plain_epochs(ids, present, recipe, seed) for rows in epoch]
                assert plain[: recipe.max_steps or None] == engine
                assert [plain_rate(step, len(engine), recipe) for step in range(len(engine))] == [
                    pytest.approx(recipe.rate(step, len(engine)), rel=1e-14) for step in range(len(engine))
                ]

    def test_the_numbers_that_order_examples_are_even_on_0_to_1(self):
        draws = [plain_uniform(seed, epoch, f"x{seed}") for seed in range(400) for epoch in range(5)]
        assert np.histogram(draws, 4, (0, 1))[0] == pytest.approx(np.full(4, 500), rel=0.1)

    @pytest.mark.parametrize("kind", [*CAUSAL, *CLASSIFIERS])
    @pytest.mark.parametrize("layers", ["all", "last-1", "last-2"])
    def test_pefts_own_rules_adapt_the_layers_that_the_engine_adapts(self, kind, layers):
        base, recipe = tiny_model(kind, n_layers=3), quick_recipe(layers=layers)
        sites = find_sites(base, recipe)
        with plain_adapter(base, recipe) as model:
            reset_adapter(model, 3)
            names = dict(model.named_parameters())
        plain = {
            name.partition(".lora_A.")[0].removeprefix("base_model.model."): parameter
            for name, parameter in names.items()
            if ".lora_A." in name
        }
        assert tuple(plain) == sites.adapted
        assert {
            name.partition(".modules_to_save.")[0].removeprefix("base_model.model.")
            for name in names
            if ".modules_to_save." in name
        } == set(sites.heads)
        for name, parameter in plain.items():
            assert torch.equal(parameter, initial_matrix(3, name, *parameter.shape)), name
