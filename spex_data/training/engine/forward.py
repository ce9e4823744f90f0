"""One pass of the base model over rows of many adapters, to the logits that are scored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spex_data.models import BaseModel
from spex_data.training.engine.narrowing import (
    ScoredPositions,
    narrowed,
    pooled_positions,
    positionwise_modules,
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
        narrow: Names of the modules that need only see the scored positions, which for a classifier are
            those that its logits hang on.
    """

    table: SequenceTable
    prefix: FrozenPrefix | None
    narrow: tuple[str, ...]


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
        if self.prepared.prefix is not None:
            self.hidden[:] = [self.prepared.prefix.of(rows, longest, device)]
        sizes = table.sizes[rows]
        which = np.repeat(np.arange(len(rows)), sizes)
        within = np.arange(len(which)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        move = lambda array: torch.from_numpy(array).to(device)  # noqa: E731
        self.positions.places = move(which * longest + table.starts[rows][which] + within)
        self.positions.segments = make_segments(owners[which], len(self.stack), device)
        logits = self.base.model(**inputs).logits
        answers = move(table.answers[rows[which], within])
        return Scored(logits[:, 0] if table.causal else logits, answers, which)


def prepare_sequences(base: BaseModel, sites: AdapterSites, sequences: Sequences) -> PreparedSequences:
    """Computes once what all adapters share of some sequences."""
    table = make_table(base, sequences)
    prefix = compute_prefix(base, sites, table, lambda rows: model_inputs(base, table, rows))
    few = np.unique(np.linspace(0, len(table.lengths) - 1, _PROBE_ROWS).astype(np.int64))
    inputs = model_inputs(base, table, few)
    if not table.causal:
        pooled = pooled_positions(base, sites, inputs, table.lengths[few])
        if pooled is None:
            return PreparedSequences(table, prefix, ())
        table = replace(
            table, starts=np.zeros_like(table.lengths) if pooled == "first" else table.lengths - 1
        )
    length = inputs["input_ids"].shape[1]
    places = np.arange(len(few)) * length + table.starts[few]
    scored = ScoredPositions(torch.from_numpy(places).to(base.device))
    return PreparedSequences(table, prefix, positionwise_modules(base, sites, inputs, scored))


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
        yield model
