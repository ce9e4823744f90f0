"""Silencing by hooks against models whose weights are edited, on all masks of small models."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification
from transformers.pytorch_utils import Conv1D

from spex_data.errors import ConfigError, ModelError
from spex_data.evaluation import evaluate_targets, make_targets
from spex_data.value_functions.component_sites import Component, find_component_sites, find_components
from spex_data.value_functions.head_silencing import HeadSilencing
from tests.strategies import all_masks
from tests.training.tiny_models import some_examples, tiny_model

KINDS = ("bert", "llama-classifier", "llama", "gpt2")


def function_of(kind="bert", outputs=("log-prob",), mlps=True, **changes):
    base = tiny_model(kind, dtype=torch.float64)
    asked = some_examples(base.task, n=5, seed=9)
    rows = [make_targets(base.task, asked.inputs, asked.outputs, outputs=output) for output in outputs]
    targets = rows[0] if len(rows) == 1 else rows[0].joined(rows[1])
    return HeadSilencing(base, find_components(base, mlps=mlps), targets, **changes)


def measure(function, masks):
    return function(masks, np.zeros(len(masks), dtype=np.int64)).values


def by_hand(function, mask):
    """The mean over the rows of a copy whose weights no longer carry what is silent."""
    base = function.base_model
    edited = replace(base, model=deepcopy(base.model))
    sites = find_component_sites(base)
    means = means_by_hand(base, function.targets, sites) if function.ablation == "mean" else {}
    silent = [part for part, there in zip(function.components, mask, strict=True) if not there]
    with torch.no_grad():
        for part in silent:
            name = (sites.mlps if part.head < 0 else sites.attention)[part.layer]
            layer = edited.model.get_submodule(name)
            if layer.bias is None:
                layer.bias = nn.Parameter(torch.zeros(base.model.config.hidden_size, dtype=torch.float64))
            weight = layer.weight if isinstance(layer, Conv1D) else layer.weight.T
            if part.head < 0:
                weight.zero_()
                layer.bias.copy_(means.get(name, torch.zeros_like(layer.bias)))
            else:
                width = len(weight) // sites.n_heads
                mine = slice(part.head * width, (part.head + 1) * width)
                if means:
                    layer.bias += means[name][mine] @ weight[mine]
                weight[mine] = 0
        if function.rescaled:
            for number, name in enumerate(sites.attention):
                gone = sum(part.layer == number and part.head >= 0 for part in silent)
                left = sites.n_heads - gone
                edited.model.get_submodule(name).weight *= sites.n_heads / left if left else 0
    return evaluate_targets(edited.model, edited, function.targets).mean()


def means_by_hand(base, targets, sites):
    """One unpadded pass a row."""
    seen = {name: [] for name in (*sites.attention, *sites.mlps)}
    hooks = [
        base.model.get_submodule(name).register_forward_pre_hook(lambda _, x, n=name: seen[n].append(x[0][0]))
        for name in sites.attention
    ] + [
        base.model.get_submodule(name).register_forward_hook(lambda _, __, x, n=name: seen[n].append(x[0]))
        for name in sites.mlps
    ]
    with torch.no_grad():
        for text, answer in zip(targets.inputs, targets.answers, strict=True):
            tokens = base.tokenizer(text)["input_ids"]
            if base.task == "causal-lm":
                tokens = tokens + base.tokenizer(answer, add_special_tokens=False)["input_ids"]
            base.model(input_ids=torch.tensor([tokens]))
    for hook in hooks:
        hook.remove()
    return {name: torch.cat(rows).mean(0) for name, rows in seen.items()}


class TestValues:
    """A value is the task's mean on the model without what is absent."""

    @pytest.mark.parametrize(
        ("ablation", "rescaled", "step"), [("zero", False, 1), ("zero", True, 3), ("mean", False, 3)]
    )
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_mask_has_the_value_of_a_model_with_edited_weights(self, kind, ablation, rescaled, step):
        function = function_of(kind, ablation=ablation, rescaled=rescaled)
        masks = all_masks(6)[::step]
        found = measure(function, masks)[:, 0]
        np.testing.assert_allclose(found, [by_hand(function, mask) for mask in masks], atol=1e-9)
        assert found.std() > 0.001

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_full_mask_is_the_model_and_no_hook_is_left(self, kind):
        function = function_of(kind, ablation="mean")
        base = function.base_model
        before = evaluate_targets(base.model, base, function.targets)
        measure(function, all_masks(6)[:5])
        assert measure(function, np.ones((1, 6), dtype=bool))[0, 0] == pytest.approx(before.mean())
        assert not any(one._forward_hooks or one._forward_pre_hooks for one in base.model.modules())
        np.testing.assert_array_equal(evaluate_targets(base.model, base, function.targets), before)

    def test_each_output_is_a_mean_of_its_own(self):
        both = function_of("bert", outputs=("accuracy", "loss"))
        masks = all_masks(6)[::5]
        assert both.target_names == ("accuracy", "loss")
        for column, output in enumerate(both.target_names):
            alone = function_of("bert", outputs=(output,))
            np.testing.assert_allclose(measure(both, masks)[:, column], measure(alone, masks)[:, 0])

    @pytest.mark.parametrize("kind", ["bert", "gpt2"])
    def test_the_size_of_a_pass_changes_nothing_but_rounding(self, kind):
        whole = function_of(kind, ablation="mean")
        masks = all_masks(6)[::3]
        for tokens in (1, 25, 60):
            few = replace(whole, tokens_per_pass=tokens)
            np.testing.assert_allclose(measure(few, masks), measure(whole, masks), atol=1e-9)

    def test_components_of_one_layer_are_silenced_and_the_others_speak(self):
        whole = function_of("llama")
        one = replace(whole, components=find_components(whole.base_model, layers=[1]))
        full = np.ones((4, 6), dtype=bool)
        full[:, 3:5] = all_masks(2)
        assert [part.name for part in one.components] == ["L1 H0", "L1 H1"]
        np.testing.assert_allclose(measure(one, all_masks(2)), measure(whole, full), atol=1e-12)


class TestKeys:
    """A key says all that decides a value, and nothing else."""

    def test_the_same_silent_components_share_a_key_whatever_else_is_masked(self):
        whole = function_of("llama")
        some = replace(whole, components=whole.components[::-1][:3])
        gone = np.ones((1, 6), dtype=bool)
        gone[0, 4] = False
        assert some.keys(np.array([[1, 0, 1]], dtype=bool), [1]) == whole.keys(gone, [2])

    @pytest.mark.parametrize("change", [{"ablation": "mean"}, {"rescaled": True}])
    def test_another_way_of_silencing_has_other_keys(self, change):
        function, mask = function_of(), np.zeros((1, 6), dtype=bool)
        assert function.keys(mask, [0]) != replace(function, **change).keys(mask, [0])


class TestBadInput:
    """What cannot be silenced is refused in words that name what can."""

    def test_a_layer_that_does_not_exist_is_named(self):
        with pytest.raises(ModelError, match="layer 2 does not exist; give numbers from 0 to 1"):
            find_components(tiny_model("bert"), layers=[0, 2])

    def test_a_head_that_does_not_exist_is_named(self):
        function = replace(function_of(), components=(Component(0, 0), Component(1, 2)))
        with pytest.raises(ModelError, match="layer 1 has no head 2; give numbers from 0 to 1"):
            measure(function, np.ones((1, 2), dtype=bool))

    @pytest.mark.parametrize("components", [(Component(0, 0),), (Component(0, 0), Component(0, 0))])
    def test_one_component_or_one_twice_is_refused(self, components):
        with pytest.raises(ModelError, match="each once"):
            measure(replace(function_of(), components=components), np.ones((1, len(components)), dtype=bool))

    def test_a_model_of_unknown_names_is_told_what_is_supported(self):
        base = tiny_model("llama")
        for block in base.model.model.layers:
            block.self_attn.mixed = block.self_attn.o_proj
            del block.self_attn.o_proj
        with pytest.raises(ModelError, match="use one of BERT, RoBERTa"):
            find_components(base)

    def test_a_projection_that_is_not_called_by_itself_is_noticed(self):
        function = function_of("llama")
        for block in function.base_model.model.model.layers:
            block.self_attn.forward = lambda hidden_states, **_: (hidden_states, None)
        with pytest.raises(ModelError, match="is not called by itself"):
            measure(function, np.ones((1, 6), dtype=bool))

    def test_rescaling_with_means_is_refused(self):
        with pytest.raises(ConfigError, match="ablation: zero"):
            measure(function_of(ablation="mean", rescaled=True), np.ones((1, 6), dtype=bool))


SMALL = {"vocab_size": 30, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
NAMED = {
    "roberta": {**SMALL, "intermediate_size": 24, "max_position_embeddings": 20, "pad_token_id": 0},
    "distilbert": {"vocab_size": 30, "dim": 16, "hidden_dim": 24, "n_layers": 2, "n_heads": 2},
    "modernbert": {**SMALL, "intermediate_size": 24, "pad_token_id": 0, "cls_token_id": 1, "sep_token_id": 1},
    "mpnet": {**SMALL, "intermediate_size": 24, "max_position_embeddings": 20, "pad_token_id": 0},
    "gpt_neox": {**SMALL, "intermediate_size": 24},
    "opt": {**SMALL, "ffn_dim": 24, "word_embed_proj_dim": 16, "pad_token_id": 0},
    "mistral": {**SMALL, "intermediate_size": 24, "num_key_value_heads": 1},
    "qwen3": {**SMALL, "intermediate_size": 24, "num_key_value_heads": 1, "head_dim": 8},
    "gemma": {**SMALL, "intermediate_size": 24, "num_key_value_heads": 1, "head_dim": 8, "pad_token_id": 0},
}


class TestSupported:
    """Every model that a message names can be silenced."""

    @pytest.mark.parametrize("kind", NAMED)
    def test_each_head_and_mlp_of_a_model_that_is_named_counts(self, kind):
        encoder = kind in ("roberta", "distilbert", "modernbert", "mpnet")
        auto = AutoModelForSequenceClassification if encoder else AutoModelForCausalLM
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(5)
            labels = {"num_labels": 3} if encoder else {}
            model = auto.from_config(AutoConfig.for_model(kind, **NAMED[kind], **labels)).eval().double()
            for parameter in model.parameters():
                if parameter.ndim > 1:
                    nn.init.normal_(parameter, 0, 0.3)
        function = function_of("bert" if encoder else "llama", outputs=("log-odds",))
        function = replace(function, base_model=replace(function.base_model, model=model))
        each = ~np.eye(7, 6, dtype=bool)
        values = measure(function, each)[:, 0]
        whole = evaluate_targets(model, function.base_model, function.targets).mean()
        assert values[-1] == pytest.approx(whole, abs=1e-9)
        assert measure(replace(function, ablation="mean"), each[-1:])[0, 0] == pytest.approx(whole, abs=1e-9)
        assert (np.abs(values[:-1] - whole) > 1e-6).all()
