from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from spex_data.evaluation import make_targets
from spex_data.training import (
    LoraRecipe,
    encode_examples,
    load_adapter_state,
    plain_adapter,
    plain_examples,
    reference,
    train,
    train_adapters,
)
from spex_data.training.engine import layers, passes, training
from spex_data.training.sites import find_sites
from spex_data.value_functions import SubsetTraining
from tests.training.tiny_models import (
    CAUSAL,
    CLASSIFIERS,
    norms_in_full_precision,
    quick_recipe,
    some_examples,
    some_groups,
    tiny_model,
)

MASKS = np.array([[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 0, 1], [1, 1, 1, 1], [0, 0, 1, 0]], dtype=bool)
SEEDS = [1, 2, 3, 4, 1]
RECIPES = [
    {},
    {"layers": "last-1", "clip_norm": 0.05},
    {"schedule": "filtered", "optimizer": "sgd", "weight_decay": 0.1, "clip_norm": 0.0},
    {"steps_per_epoch": 9, "weight_decay": 0.1, "rslora": True, "decay": "cosine"},
    {"max_steps": 7, "warmup": 0.4},
]


def banks(base, recipe, core=(), **choices):
    """(reference, engine) on the same masks and seeds."""
    examples = some_examples(base.task, n=20)
    groups = some_groups(examples, core)
    masks = MASKS[:, : groups.n_groups]
    with norms_in_full_precision(base.model):
        return tuple(
            train_adapters(base, examples, groups, masks, recipe, seed=SEEDS, engine=engine, **choices)
            for engine in ("reference", "stacked")
        )


def largest_difference(one, other):
    assert one.tensors.keys() == other.tensors.keys()
    return max(float((one.tensors[name] - other.tensors[name]).abs().max()) for name in one.tensors)


class TestFloat64:
    """Parameters, losses and values equal the reference's to 1e-9 in double precision."""

    @pytest.mark.parametrize("kind", [*CAUSAL, *CLASSIFIERS])
    @pytest.mark.parametrize("changes", RECIPES, ids=["plain", "last", "filtered", "sparse", "steps"])
    def test_parameters_and_losses_are_the_references(self, kind, changes):
        reference, engine = banks(tiny_model(kind, dtype=torch.float64, n_layers=3), quick_recipe(**changes))
        assert largest_difference(reference, engine) < 1e-9
        np.testing.assert_allclose(engine.losses, reference.losses, rtol=1e-9)
        assert engine.causes == reference.causes
        assert engine.peft_config == reference.peft_config

    @pytest.mark.parametrize("kind", [*CAUSAL, *CLASSIFIERS])
    def test_values_are_the_references(self, kind):
        base = tiny_model(kind, dtype=torch.float64)
        asked = some_examples(base.task, n=6, seed=9)
        output = ["log-odds", "log-prob", "loss", "probability", "accuracy", "contrast"]
        foils = [asked.outputs[(row + 1) % 6] for row in range(6)]
        targets = make_targets(base.task, asked.inputs, asked.outputs, outputs=output, foils=foils)
        examples = some_examples(base.task)
        function = SubsetTraining(base, examples, some_groups(examples), quick_recipe(), targets)
        with norms_in_full_precision(base.model):
            engine = function(MASKS, np.array(SEEDS))
            reference = replace(function, engine="reference")(MASKS, np.array(SEEDS))
        np.testing.assert_allclose(engine.values, reference.values, atol=1e-9)

    @pytest.mark.parametrize("size", [1, 2, 5, "auto"])
    def test_the_size_of_a_pass_does_not_matter(self, size):
        base = tiny_model("llama", dtype=torch.float64)
        reference, engine = banks(base, quick_recipe(), adapters_per_pass=size)
        assert largest_difference(reference, engine) < 1e-9

    def test_a_core_is_trained_on_under_every_mask(self):
        reference, engine = banks(tiny_model(dtype=torch.float64), quick_recipe(), core=("g3",))
        assert largest_difference(reference, engine) < 1e-9
        assert np.isfinite(engine.losses).all()


def plain_margins(base, bank, asked):
    """float64[K, n]: log p/(1-p) of each answer, by PEFT on the base model and one text at a time."""
    rows = plain_examples(base, asked)
    margins = np.empty((len(bank), len(rows)))
    with plain_adapter(base, bank.recipe) as model, torch.no_grad():
        for adapter in range(len(bank)):
            load_adapter_state(model, bank.state(adapter))
            for column, row in enumerate(rows):
                logits = model(torch.tensor([row.tokens])).logits.squeeze(0).log_softmax(-1)
                if base.task == "classification":
                    log_p = logits[row.labels[0]]
                else:
                    places = [place for place, label in enumerate(row.labels) if label != -100]
                    log_p = sum(logits[place - 1, row.labels[place]] for place in places)
                margins[adapter, column] = log_p - torch.log(-torch.expm1(log_p))
    return margins


class TestMargins:
    """What the engine trains and measures has the margins that plain PEFT computes, to 1e-9."""

    @pytest.mark.parametrize("kind", [*CAUSAL, *CLASSIFIERS])
    @pytest.mark.parametrize("core", [(), ("g3",)], ids=["no core", "core"])
    def test_log_odds_are_those_of_the_reference_computed_by_hand(self, kind, core):
        base = tiny_model(kind, dtype=torch.float64)
        examples, asked = some_examples(base.task, n=20), some_examples(base.task, n=4, seed=9)
        groups, targets = some_groups(examples, core), make_targets(base.task, asked.inputs, asked.outputs)
        masks = MASKS[:, : groups.n_groups]
        function = SubsetTraining(base, examples, groups, quick_recipe(), targets)
        with norms_in_full_precision(base.model):
            measured = function(masks, np.array(SEEDS))
            plain = train_adapters(
                base, examples, groups, masks, quick_recipe(), seed=SEEDS, engine="reference"
            )
            expected = plain_margins(base, plain, asked)
        np.testing.assert_allclose(measured.values, expected, atol=1e-9)
        assert np.ptp(expected, axis=0).min() > 1e-3


class TestIndependence:
    """The engine and what it is held against share no code for order, rates, tokens, places and starts."""

    def test_the_engine_imports_neither_the_reference_nor_peft(self):
        imported = set().union(*map(imports, Path(layers.__file__).parent.glob("*.py")))
        assert not {name for name in imported if name.startswith(("peft", "spex_data.training.reference"))}
        assert not imported & {"spex_data.training.adapters", "spex_data.training.peft_model"}

    def test_the_reference_imports_nothing_that_the_engine_computes_with(self):
        path = Path(reference.__file__)
        ours = {name for name in imports(path) if name.startswith("spex_data")}
        assert ours == {
            "spex_data.data",
            "spex_data.models",
            "spex_data.training.peft_model",
            "spex_data.training.recipe",
        }
        assert not imports(path.with_name("peft_model.py")) & {"spex_data.training.sites"}
        words = path.read_text()
        assert not [name for name in ("slots", "rate", "scaling") if f"recipe.{name}" in words]


def imports(path):
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


class TestControl:
    """The comparison is sharp enough to see a wrong engine."""

    @pytest.mark.parametrize("changes", [{"learning_rate": 0.02 * (1 + 1e-6)}, {"weight_decay": 1e-6}])
    def test_a_recipe_that_is_off_by_a_millionth_is_seen(self, changes):
        base = tiny_model(dtype=torch.float64)
        reference, _ = banks(base, quick_recipe())
        _, wrong = banks(base, quick_recipe(**changes))
        assert largest_difference(reference, wrong) > 1e-9

    def test_an_engine_that_scales_one_gradient_wrongly_is_seen(self, monkeypatch):
        right = layers._LoraUpdate.backward

        def wrong(ctx, gradient):
            through, x, a, b, *rest = right(ctx, gradient)
            return through, x, a, b * (1 + 1e-6), *rest

        monkeypatch.setattr(layers._LoraUpdate, "backward", staticmethod(wrong))
        # Clipping would hide a gradient that is too long as a whole; Adam forgives a constant factor.
        recipe = quick_recipe(optimizer="sgd", clip_norm=0.0)
        assert largest_difference(*banks(tiny_model(dtype=torch.float64), recipe)) > 1e-9

    def test_an_engine_that_misreads_the_schedule_is_seen(self, monkeypatch):
        right = training.training_steps
        monkeypatch.setattr(training, "training_steps", lambda *args: right(*args)[::-1])
        assert largest_difference(*banks(tiny_model(dtype=torch.float64), quick_recipe())) > 1e-6

    def test_an_engine_that_misreads_the_learning_rate_is_seen(self, monkeypatch):
        right = LoraRecipe.rate
        monkeypatch.setattr(LoraRecipe, "rate", lambda self, step, total: right(self, step, total + 1))
        assert largest_difference(*banks(tiny_model(dtype=torch.float64), quick_recipe())) > 1e-6

    def test_an_engine_that_adds_a_token_to_every_completion_is_seen(self, monkeypatch):
        def with_end(base, examples):
            right = encode_examples(base, examples)
            return replace(
                right,
                tokens=tuple((*tokens, 1) for tokens in right.tokens),
                answers=tuple((*answer, 1) for answer in right.answers),
            )

        monkeypatch.setattr(passes, "encode_examples", with_end)
        assert largest_difference(*banks(tiny_model(dtype=torch.float64), quick_recipe())) > 1e-6

    def test_an_engine_that_leaves_out_a_layer_is_seen(self, monkeypatch):
        def fewer(base, recipe):
            sites = find_sites(base, recipe)
            return replace(sites, adapted=sites.adapted[:-1])

        monkeypatch.setattr(passes, "find_sites", fewer)
        monkeypatch.setattr(train, "find_sites", fewer)
        reference_bank, engine = banks(tiny_model(dtype=torch.float64), quick_recipe())
        assert reference_bank.tensors.keys() > engine.tensors.keys()


class TestHalfPrecision:
    """In float32 and bfloat16 the engine is nearer to the reference than two seeds are to each other."""

    @pytest.mark.parametrize(("dtype", "share"), [(torch.float32, 1e-3), (torch.bfloat16, 0.25)])
    @pytest.mark.parametrize("kind", ["llama", "bert"])
    def test_differences_are_far_below_the_seed_spread(self, kind, dtype, share):
        base = tiny_model(kind, dtype=dtype)
        examples, asked = some_examples(base.task, n=20), some_examples(base.task, n=6, seed=9)
        targets = make_targets(base.task, asked.inputs, asked.outputs)
        function = SubsetTraining(base, examples, some_groups(examples), quick_recipe(), targets)
        masks, seeds = np.repeat(MASKS[:1], 6, axis=0), np.arange(6)
        engine = function(masks, seeds).values
        reference = replace(function, engine="reference")(masks, seeds).values
        spread = reference.std(axis=0, ddof=1).mean()
        assert np.sqrt(((engine - reference) ** 2).mean()) < share * spread
