from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.errors import TrainingError
from spex_data.training import encode_examples
from spex_data.training.engine import prefix as prefixes
from spex_data.training.engine.attention import few_queries
from spex_data.training.engine.forward import model_inputs, prepare_sequences
from spex_data.training.engine.frozen import compute_outputs
from spex_data.training.engine.narrowing import ScoredPositions
from spex_data.training.engine.optimiser import StackedOptimiser
from spex_data.training.engine.segments import make_segments
from spex_data.training.engine.tables import cut_into_passes, make_table
from spex_data.training.engine.trial import require_rows_in_order
from spex_data.training.sites import find_sites
from tests.training.tiny_models import CAUSAL, CLASSIFIERS, quick_recipe, some_examples, tiny_model

LLAMA = ["post_attention_layernorm", "mlp", "self_attn.q_proj", "self_attn.o_proj"]
owners_of_items = st.lists(st.integers(0, 5), min_size=1, max_size=30).map(sorted).map(np.array)


class TestSegments:
    """Items are spread over blocks of one adapter each and collected again."""

    @given(owners=owners_of_items)
    def test_what_is_spread_is_collected_again(self, owners):
        items = torch.arange(len(owners) * 6.0).view(len(owners), 2, 3)
        segments = make_segments(owners, 6, "cpu")
        assert torch.equal(segments.collect(segments.spread(items), items.shape[:-1]), items)

    @given(owners=owners_of_items)
    def test_every_block_holds_items_of_its_own_adapter_alone(self, owners):
        segments = make_segments(owners, 6, "cpu")
        spread = segments.spread(torch.from_numpy(owners)[:, None])[..., 0]
        mine = segments.pick(torch.arange(6))
        assert (spread == mine[:, None]).all()

    @given(owners=owners_of_items)
    def test_a_sum_over_blanked_places_is_a_sum_over_items(self, owners):
        items = torch.arange(1.0, len(owners) + 1)[:, None]
        segments = make_segments(owners, 6, "cpu")
        sums = segments.put(segments.blank(segments.spread(items).mT).sum(-1), 6)[:, 0]
        assert sums.tolist() == [items[owners == adapter].sum().item() for adapter in range(6)]

    def test_blanking_removes_even_what_is_not_a_number(self):
        segments = make_segments(np.array([0, 0, 0, 1]), 2, "cpu")
        blanked = segments.blank(segments.spread(torch.tensor([[1.0], [1.0], [1.0], [torch.nan]])).mT)
        assert blanked[segments.pick(torch.arange(2)) == 0].isfinite().all()


class TestCutIntoPasses:
    """Rows of like length share a pass."""

    @settings(max_examples=60)
    @given(
        lengths=st.lists(st.integers(1, 12), min_size=1, max_size=9).map(np.array),
        cost=st.floats(0, 40),
    )
    def test_no_other_cut_of_the_sorted_rows_costs_less(self, lengths, cost):
        def price(parts):
            return sum(len(part) * lengths[part].max() + cost for part in parts)

        order = lengths.argsort(kind="stable")
        cuts = [[i for i in range(1, len(order)) if code >> i & 1] for code in range(0, 2 ** len(order), 2)]
        best = min(price(np.split(order, cut)) for cut in cuts)
        assert price(cut_into_passes(lengths, cost=cost)) == pytest.approx(best)

    @given(
        lengths=st.lists(st.integers(1, 12), min_size=1, max_size=40).map(np.array),
        cost=st.floats(0, 40),
        most=st.integers(1, 60),
    )
    def test_every_row_comes_once_in_order_and_no_pass_is_too_large(self, lengths, cost, most):
        parts = cut_into_passes(lengths, cost=cost, most=most)
        assert sorted(np.concatenate(parts).tolist()) == list(range(len(lengths)))
        for part in parts:
            assert (np.diff(part) > 0).all()
            assert len(part) == 1 or len(part) * lengths[part].max() <= most


class TestStackedOptimiser:
    """Each row is stepped as an ordinary torch optimiser would, and rows left out keep every bit."""

    @pytest.mark.parametrize("changes", [{}, {"weight_decay": 0.3}, {"clip_norm": 0.0}])
    @pytest.mark.parametrize("kind", ["adamw", "sgd"])
    def test_every_row_follows_its_own_torch_optimiser(self, kind, changes):
        recipe = quick_recipe(optimizer=kind, **changes)
        draw = torch.Generator().manual_seed(0)
        start = torch.randn(3, 7, generator=draw, dtype=torch.float64)
        plain = [row.clone().requires_grad_() for row in start]
        makers = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
        ordinary = [makers[kind]([row], lr=1.0, weight_decay=recipe.weight_decay) for row in plain]
        stacked = start.clone()
        optimiser = StackedOptimiser(stacked, recipe)
        for turn, active in enumerate([None, [0, 2], [1], None, [2]]):
            rows = [0, 1, 2] if active is None else active
            gradients = torch.randn(len(rows), 7, generator=draw, dtype=torch.float64)
            rates = torch.tensor([0.1 / (row + turn + 1) for row in rows], dtype=torch.float64)
            kept = stacked.clone()
            optimiser.step(gradients.clone(), rates, None if active is None else torch.tensor(active))
            for place, row in enumerate(rows):
                plain[row].grad = gradients[place].clone()
                if recipe.clip_norm:
                    torch.nn.utils.clip_grad_norm_([plain[row]], recipe.clip_norm)
                ordinary[row].param_groups[0]["lr"] = rates[place].item()
                ordinary[row].step()
            left = [row for row in range(3) if row not in rows]
            assert torch.equal(stacked[left], kept[left])
            torch.testing.assert_close(stacked, torch.stack(plain).detach(), rtol=1e-12, atol=1e-14)


class TestPrefix:
    """Hidden states below the first adapted block are computed once and put in where they belong."""

    @pytest.mark.parametrize("kind", [*CAUSAL, *CLASSIFIERS])
    @pytest.mark.parametrize("budget", [2**30, 0], ids=["memory", "file"])
    def test_they_are_what_the_whole_model_has_there(self, kind, budget):
        base = tiny_model(kind, n_layers=3)
        sites = find_sites(base, quick_recipe(layers="last-1"))
        table = make_table(base, encode_examples(base, some_examples(base.task)))
        prefix = prefixes.compute_prefix(
            base, sites, table, lambda rows: model_inputs(base, table, rows), budget
        )
        for row in range(len(table.lengths)):
            with torch.no_grad():
                whole = base.model(
                    **model_inputs(base, table, np.array([row])), output_hidden_states=True
                ).hidden_states[2]
            length = int(table.lengths[row])
            torch.testing.assert_close(prefix.of(np.array([row]), length, "cpu"), whole)

    def test_there_is_none_when_the_first_block_is_adapted(self):
        base = tiny_model()
        prepared = prepare_sequences(
            base, find_sites(base, quick_recipe()), encode_examples(base, some_examples())
        )
        assert prepared.prefix is None


PROJECTIONS = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]


def frozen(base, layers, **choices):
    """(sites, table, outputs) of some examples."""
    sites = find_sites(base, quick_recipe(layers=layers))
    table = make_table(base, encode_examples(base, some_examples(base.task)))
    ask = partial(model_inputs, base, table)
    prefix = prefixes.compute_prefix(base, sites, table, ask)
    return sites, table, compute_outputs(base, sites, table, prefix, ask, **choices)


class TestFrozenOutputs:
    """What no adapter reaches the input of in the first adapted block is computed once."""

    @pytest.mark.parametrize(
        ("kind", "names"),
        [
            ("llama", PROJECTIONS),
            ("qwen2", PROJECTIONS),
            ("gpt2", ["attn.c_attn"]),
            ("bert", [f"attention.self.{name}" for name in ("query", "key", "value")]),
            ("llama-classifier", PROJECTIONS),
        ],
    )
    @pytest.mark.parametrize("layers", ["last-1", "all"])
    def test_it_is_what_the_layers_give_in_the_whole_model(self, kind, names, layers):
        base = tiny_model(kind, n_layers=3)
        sites, table, outputs = frozen(base, layers)
        block = f"{sites.blocks[sites.first]}."
        assert [name.removeprefix(block) for name in outputs.tensors] == names
        for name, tensor in outputs.tensors.items():
            seen = []
            hook = base.model.get_submodule(name).register_forward_hook(
                lambda *call, to=seen: to.append(call)
            )
            for row in range(len(table.lengths)):
                base.model(**model_inputs(base, table, np.array([row])))
            hook.remove()
            torch.testing.assert_close(tensor, torch.cat([output[0] for _, _, output in seen]))

    def test_there_is_none_where_memory_is_short(self):
        assert frozen(tiny_model(), "all", budget=1000)[2] is None

    def test_a_layer_that_is_called_twice_is_computed_every_time(self):
        base = tiny_model()
        value = base.model.model.layers[0].self_attn.v_proj
        plain = value.forward
        value.forward = lambda hidden: plain(hidden) + (value(hidden * 0) if hidden.any() else 0)
        outputs = frozen(base, "all")[2]
        assert [name.rpartition(".")[2] for name in outputs.tensors] == ["q_proj", "k_proj"]


class TestFewQueries:
    """The last block attends from the scored positions alone, and nothing else changes."""

    @pytest.mark.parametrize("kind", CAUSAL)
    def test_scored_positions_get_what_full_attention_gives_them(self, kind):
        base = tiny_model(kind, dtype=torch.float64)
        table = make_table(base, encode_examples(base, some_examples()))
        sites = find_sites(base, quick_recipe())
        inputs = model_inputs(base, table, np.arange(3))
        length = inputs["input_ids"].shape[1]
        by_row = torch.tensor([[0, 1], [2, 2], [1, 3]]) + torch.arange(3)[:, None] * length
        of_row = torch.tensor([0, 1, 2, 4, 5])
        positions = ScoredPositions(by_row.flatten()[of_row], None, by_row, of_row)
        whole = positions.take(base.model(**inputs).logits)
        with few_queries(base, sites, positions):
            few = base.model(**inputs).logits
        torch.testing.assert_close(positions.take(few), whole, rtol=0, atol=1e-12)
        assert (few - base.model(**inputs).logits).abs().max() > 0.1
        assert base.model.config._attn_implementation == "sdpa"

    def test_another_attention_than_the_scaled_dot_product_is_left_alone(self):
        base = tiny_model()
        base.model.config._attn_implementation = "eager"
        with few_queries(base, find_sites(base, quick_recipe()), ScoredPositions()):
            assert base.model.config._attn_implementation == "eager"


class TestNarrowing:
    """After the last attention only scored positions are computed."""

    @pytest.mark.parametrize(
        ("kind", "names"),
        [
            ("llama", LLAMA),
            ("qwen2", LLAMA),
            ("gpt2", ["ln_2", "mlp", "attn.c_proj"]),
            ("bert", ["intermediate", "output", "attention.self.query", "attention.output.dense"]),
            ("llama-classifier", LLAMA),
        ],
    )
    def test_only_what_other_positions_do_not_need_is_narrowed(self, kind, names):
        base = tiny_model(kind)
        prepared = prepare_sequences(
            base, find_sites(base, quick_recipe()), encode_examples(base, some_examples(base.task))
        )
        assert [name.partition(".1.")[2] for name in prepared.narrow] == names
        assert prepared.few_queries

    def test_a_feed_forward_part_that_mixes_positions_is_left_alone(self):
        base = tiny_model()
        mlp = base.model.model.layers[-1].mlp
        plain = mlp.forward
        mlp.forward = lambda hidden: plain(hidden + hidden.cumsum(1))
        prepared = prepare_sequences(
            base, find_sites(base, quick_recipe()), encode_examples(base, some_examples())
        )
        assert {name.rpartition(".")[2] for name in prepared.narrow} == {"gate_proj", "up_proj", "down_proj"}
        assert not prepared.few_queries


class TestRequireRowsInOrder:
    """A model that computes rows in an order of its own is refused, not trained wrongly."""

    @pytest.mark.parametrize("kind", [*CAUSAL, *CLASSIFIERS])
    @pytest.mark.parametrize("layers", ["all", "last-1"])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_ordinary_models_pass(self, kind, layers, dtype):
        base, recipe = tiny_model(kind, dtype=dtype), quick_recipe(layers=layers)
        sites = find_sites(base, recipe)
        prepared = prepare_sequences(base, sites, encode_examples(base, some_examples(base.task)))
        require_rows_in_order(base, recipe, sites, prepared)

    def test_a_model_that_turns_the_rows_around_is_refused(self):
        base, recipe = tiny_model("bert"), quick_recipe()
        layer = base.model.bert.encoder.layer[0].intermediate
        plain = layer.forward
        layer.forward = lambda hidden: plain(hidden.flip(0)).flip(0)
        sites = find_sites(base, recipe)
        prepared = prepare_sequences(base, sites, encode_examples(base, some_examples(base.task)))
        with pytest.raises(TrainingError, match=r'order of its own.*engine="reference"'):
            require_rows_in_order(base, recipe, sites, prepared)
