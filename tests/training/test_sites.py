from __future__ import annotations

import pytest
import torch

from spex_data.errors import TrainingError
from spex_data.training.sites import find_sites, initial_matrix
from tests.training.tiny_models import CAUSAL, CLASSIFIERS, quick_recipe, tiny_model


def adapted_names(base, **changes):
    return list(find_sites(base, quick_recipe(**changes)).adapted)


class TestFindSites:
    """A recipe's short names become the full names of layers."""

    def test_no_names_mean_every_linear_layer_of_the_blocks(self):
        assert [name.removeprefix("transformer.h.") for name in adapted_names(tiny_model("gpt2"))] == [
            f"{block}.{layer}"
            for block in (0, 1)
            for layer in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
        ]

    @pytest.mark.parametrize("kind", [*CAUSAL, *CLASSIFIERS])
    def test_the_last_k_blocks_are_the_last_k(self, kind):
        base = tiny_model(kind, n_layers=3)
        every = adapted_names(base)
        assert adapted_names(base, layers="last-3") == every
        assert adapted_names(base, layers="last-1") == every[len(every) // 3 * 2 :]
        assert [find_sites(base, quick_recipe(layers=f"last-{k}")).first for k in (1, 2, 3)] == [2, 1, 0]

    def test_a_name_that_matches_nothing_is_answered_with_those_that_would(self):
        with pytest.raises(TrainingError, match=r"'query' matches no layer.*q_proj, k_proj, v_proj, o_proj"):
            adapted_names(tiny_model(), target_modules=("q_proj", "query"))

    def test_a_layer_that_is_not_linear_is_refused(self):
        with pytest.raises(TrainingError, match="'self_attn' is no linear layer"):
            adapted_names(tiny_model(), target_modules=("self_attn",))

    def test_more_blocks_than_there_are_is_refused_with_their_number(self):
        with pytest.raises(TrainingError, match="is last-3, and the model has 2 blocks"):
            adapted_names(tiny_model(), layers="last-3")

    @pytest.mark.parametrize("how", ["dynamic", "int8"])
    def test_quantised_layers_are_refused_in_one_sentence(self, how):
        base = tiny_model()
        layer = base.model.model.layers[1].mlp.up_proj
        if how == "dynamic":
            torch.ao.quantization.quantize_dynamic(base.model.model, {torch.nn.Linear}, inplace=True)
        else:
            layer.weight = torch.nn.Parameter(layer.weight.to(torch.int8), requires_grad=False)
        with pytest.raises(
            TrainingError, match=r"its layer '.*' is quantised.*give the checkpoint as it was"
        ):
            adapted_names(base)

    def test_a_layer_that_shares_its_weights_is_refused_with_the_other_place(self):
        base = tiny_model()
        first, second = (block.self_attn for block in base.model.model.layers)
        second.q_proj.weight = first.q_proj.weight
        with pytest.raises(
            TrainingError, match=r"0.self_attn.q_proj' shares its weights with '.*1.self_attn"
        ):
            adapted_names(base)
        assert adapted_names(base, target_modules=("v_proj",)) == [
            f"model.layers.{block}.self_attn.v_proj" for block in (0, 1)
        ]

    def test_one_block_at_two_places_is_refused(self):
        base = tiny_model()
        base.model.model.layers[1] = base.model.model.layers[0]
        with pytest.raises(TrainingError, match="shares its weights"):
            adapted_names(base)

    def test_only_a_head_without_weights_of_its_own_is_trained_whole(self):
        heads = {kind: find_sites(tiny_model(kind), quick_recipe()).heads for kind in (*CAUSAL, *CLASSIFIERS)}
        assert heads == {
            "llama": (),
            "qwen2": (),
            "gpt2": (),
            "bert": ("classifier",),
            "llama-classifier": ("score",),
        }


class TestInitialMatrix:
    """The initial state follows from the seed and the module's name."""

    def test_every_entry_is_within_one_over_the_root_of_the_inputs(self):
        start = initial_matrix(3, "up_proj", 64, 16)
        assert start.abs().max() <= 1 / 4
        assert start.abs().max() > 0.95 / 4
        assert abs(start.mean()) < 0.02

    def test_modules_and_seeds_have_streams_of_their_own(self):
        first = {
            float(initial_matrix(seed, name, 1, 1)) for seed in range(3) for name in ("a", "b", "1\x1fa")
        }
        assert len(first) == 9

    def test_neither_the_default_precision_nor_the_global_random_state_matters(self):
        plain, state = initial_matrix(3, "a", 4, 8), torch.random.get_rng_state()
        torch.set_default_dtype(torch.float64)
        try:
            assert torch.equal(initial_matrix(3, "a", 4, 8), plain)
        finally:
            torch.set_default_dtype(torch.float32)
        assert torch.equal(torch.random.get_rng_state(), state)

    def test_it_stays_what_it_was_in_earlier_releases(self):
        assert [round(float(value), 6) for value in initial_matrix(3, "a", 1, 4)[0]] == PINNED


PINNED = [-0.191436, -0.424127, -0.386582, -0.289449]
"""Stored values hang on these."""
