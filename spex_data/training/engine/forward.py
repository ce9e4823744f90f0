"""One pass of the base model over rows of many adapters, to the logits that are scored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spex_data.models import BaseModel
from spex_data.training.engine.attention import few_queries, few_queries_do
from spex_data.training.engine.frozen import FrozenOutputs, PlacesNow, compute_outputs, given_outputs
from spex_data.training.engine.narrowing import (
    ScoredPositions,
    narrowed,
    pooled_positions,
    positionwise_modules,
    spoilable_layers,
)
from spex_data.training.engine.prefix import FrozenPrefix, compute_prefix, skipping
from spex_data.training.engine.segments import make_segments
from spex_data.training.engine.stack import AdapterStack, installed
from spex_data.training.engine.tables import Sequences, SequenceTable, make_table
from spex_data.training.recipe import LoraRecipe
from spex_data.training.sites import AdapterSites

_PROBE_ROWS = 4


@dataclass(frozen=True)
class PreparedSequences:
    """Sequences ready for any number of adapters of one recipe.

    Attributes:
        table: The sequences.
        prefix: Their hidden states below the first adapted block, where there is anything below it.
        outputs: What layers give that no adapter reaches the input of, where that fits into memory.
        narrow: Names of the modules that need only see the scored positions, which for a classifier are
            those that its logits hang on.
        few_queries: Whether the last block's attention is needed at the scored positions alone.
    """

    table: SequenceTable
    prefix: FrozenPrefix | None
    outputs: FrozenOutputs | None
    narrow: tuple[str, ...]
    few_queries: bool


@dataclass(frozen=True)
class Scored:
    """Logits of some rows.

    Attributes:
        logits: float[positions, outputs], the rows one after the other.
        answers: int64[positions], the token or label that each is scored for.
        rows: int64[positions], the row of the pass that each belongs to.
    """

    logits: torch.Tensor
    answers: torch.Tensor
    rows: NDArray[np.int64]


@dataclass(frozen=True)
class StackedModel:
    """A base model that computes with a stack of adapters."""

    base: BaseModel
    stack: AdapterStack
    prepared: PreparedSequences
    positions: ScoredPositions = field(default_factory=ScoredPositions)
    tokens: PlacesNow = field(default_factory=PlacesNow)
    hidden: list[torch.Tensor] = field(default_factory=list)

    def scored(self, rows: NDArray[np.int64], owners: NDArray[np.int64]) -> Scored:
        """Logits at the scored positions.

        Args:
            rows: int64[R], the sequence of each row.
            owners: int64[R], ascending: the adapter of each row.
        """
        table, device = self.prepared.table, self.base.device
        inputs = model_inputs(self.base, table, rows)
        self.stack.rows.segments = make_segments(owners, len(self.stack), device)
        longest = inputs["input_ids"].shape[1]
        sizes = table.sizes[rows]
        which = np.repeat(np.arange(len(rows)), sizes)
        within = np.arange(len(which)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        move = lambda array: torch.from_numpy(array).to(device)  # noqa: E731
        at = table.starts[rows][which] + within
        self.positions.places = move(which * longest + at)
        self.positions.segments = make_segments(owners[which], len(self.stack), device)
        if self.prepared.few_queries:
            each = np.minimum(np.arange(sizes.max()), sizes[:, None] - 1)
            starts = np.arange(len(rows)) * longest + table.starts[rows]
            self.positions.by_row = move(starts[:, None] + each)
            even = bool((sizes == sizes[0]).all())
            self.positions.of_row = None if even else move(which * sizes.max() + within)
        self._place(rows, longest, table.offsets[rows][which] + at)
        logits = self.base.model(**inputs).logits
        answers = move(table.answers[rows[which], within])
        return Scored(logits[:, 0] if table.causal else logits, answers, which)

    def _place(self, rows: NDArray[np.int64], longest: int, scored: NDArray[np.int64]) -> None:
        """Looks up what all adapters share of the rows, and says where more of it stands."""
        offsets = self.prepared.table.offsets
        places = np.minimum(offsets[rows][:, None] + np.arange(longest), offsets[rows + 1][:, None] - 1)
        whole = torch.from_numpy(places.ravel()).to(self.base.device)
        if self.prepared.prefix is not None:
            self.hidden[:] = [self.prepared.prefix.at(whole, (len(rows), longest))]
        self.tokens.shape, self.tokens.whole = (len(rows), longest), whole
        self.tokens.scored = torch.from_numpy(scored).to(self.base.device)


def prepare_sequences(base: BaseModel, sites: AdapterSites, sequences: Sequences) -> PreparedSequences:
    """Computes once what all adapters share of some sequences."""
    table = make_table(base, sequences)
    ask = partial(model_inputs, base, table)
    prefix = compute_prefix(base, sites, table, ask)
    outputs = compute_outputs(base, sites, table, prefix, ask)
    spread = np.linspace(0, len(table.lengths) - 1, _PROBE_ROWS - 1).astype(np.int64)
    few = np.union1d(spread, (table.starts if table.causal else table.lengths).argmax())
    inputs = ask(few)
    if not table.causal:
        pooled = pooled_positions(base, sites, inputs, table.lengths[few])
        if pooled is None:
            return PreparedSequences(table, prefix, outputs, (), False)
        table = replace(
            table, starts=np.zeros_like(table.lengths) if pooled == "first" else table.lengths - 1
        )
    length = inputs["input_ids"].shape[1]
    places = np.arange(len(few)) * length + table.starts[few]
    scored = ScoredPositions(torch.from_numpy(places).to(base.device))
    parts = positionwise_modules(base, sites, inputs, scored)
    # Where a row has nothing before what is scored, nothing there can be seen to matter.
    if length == 1 or (table.causal and not table.starts[few].any()):
        return PreparedSequences(table, prefix, outputs, parts, False)
    layers = spoilable_layers(base, sites, inputs, scored, parts)
    few_do = few_queries_do(base, sites, inputs, scored)
    return PreparedSequences(table, prefix, outputs, (*parts, *layers), few_do)


def model_inputs(base: BaseModel, table: SequenceTable, rows: NDArray[np.int64]) -> dict[str, Any]:
    """What the model is called with for some sequences, int64[R, longest of them]."""
    lengths = table.lengths[rows]
    longest = int(lengths.max())
    chosen = table.tokens[:, :longest].index_select(0, torch.from_numpy(rows).to(base.device))
    if table.causal:
        # Later positions are hidden from earlier ones: no mask is needed to hide what was filled up.
        return {"input_ids": chosen, "use_cache": False}
    mask = (np.arange(longest) < lengths[:, None]).astype(np.int64)
    return {"input_ids": chosen, "attention_mask": torch.from_numpy(mask).to(base.device)}


@contextmanager
def stacked_model(
    base: BaseModel,
    recipe: LoraRecipe,
    sites: AdapterSites,
    stack: AdapterStack,
    prepared: PreparedSequences,
) -> Iterator[StackedModel]:
    """The base model with a stack of adapters on it, for as long as the block lasts."""
    model = StackedModel(base, stack, prepared)
    take = model.positions.take
    with ExitStack() as on:
        if prepared.table.causal:
            head = base.model.get_output_embeddings()
            on.callback(head.register_forward_pre_hook(lambda _, inputs: take(inputs[0])).remove)
        # An adapter's update of a narrowed layer comes before its positions are put back.
        on.enter_context(installed(stack, base, recipe, sites))
        on.enter_context(narrowed(base, prepared.narrow, model.positions, stack.rows))
        on.enter_context(skipping(base, sites, prepared.prefix, lambda: model.hidden[0]))
        on.enter_context(given_outputs(base, prepared.outputs, model.tokens))
        if prepared.few_queries:
            on.enter_context(few_queries(base, sites, model.positions))
        yield model
