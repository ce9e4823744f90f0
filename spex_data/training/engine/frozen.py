"""Outputs of linear layers whose input no adapter reaches: the same for every adapter, so computed once.

In the first adapted block these are as a rule the projections to queries, keys and values. What an adapter
adds to such a layer is still computed for each adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers.pytorch_utils import Conv1D

from spex_data.models import BaseModel
from spex_data.models.memory import ran_out_of_memory
from spex_data.training.engine.prefix import (
    MEMORY_BUDGET,
    FrozenPrefix,
    Inputs,
    Reached,
    for_all_rows,
    room,
    skipping,
)
from spex_data.training.engine.tables import SequenceTable
from spex_data.training.sites import AdapterSites, widths


@dataclass(frozen=True)
class FrozenOutputs:
    """What some layers give for every token of every sequence, before any adapter's update.

    Attributes:
        tensors: Name of a layer -> float[tokens of all sequences, outputs], one sequence after the other.
    """

    tensors: Mapping[str, torch.Tensor]


@dataclass
class PlacesNow:
    """Where the tokens of a pass stand among those of all sequences; set before every pass.

    Attributes:
        shape: Rows of the pass, and the longest of them.
        whole: int64[R * T], the token of each position, each row filled up with its last.
        scored: int64[P], the token of each scored position.
    """

    shape: tuple[int, int] = (0, 0)
    whole: torch.Tensor | None = None
    scored: torch.Tensor | None = None

    def of(self, tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """The outputs for an input [R, T, f], or [P, 1, f] of the scored positions."""
        places = self.whole if like.shape[:2] == self.shape else self.scored
        assert places is not None
        chosen = tensor.index_select(0, places.to(tensor.device)).to(like.device)
        return chosen.view(*like.shape[:2], -1)


@torch.no_grad()
def compute_outputs(
    base: BaseModel,
    sites: AdapterSites,
    table: SequenceTable,
    prefix: FrozenPrefix | None,
    inputs: Inputs,
    budget: int = MEMORY_BUDGET,
) -> FrozenOutputs | None:
    """The frozen outputs of all sequences of a table; None where there are none, or no memory for them.

    Args:
        base: No adapters on it.
        sites: Where adapters go.
        table: The sequences.
        prefix: Their hidden states at the entry of the first adapted block.
        inputs: What the model is called with for some rows.
        budget: Bytes for outputs and prefix together; recomputing is faster than reading from disk.
    """
    offsets = table.offsets
    hidden: list[torch.Tensor] = []
    names = _out_of_reach(base, sites, inputs(np.array([0, table.lengths.argmax(), 0])))
    total = sum(widths(base.model.get_submodule(name))[1] for name in names)
    taken = 0 if prefix is None else prefix.hidden.numel()
    itemsize = torch.finfo(getattr(torch, base.dtype)).bits // 8
    if not names or (taken + total * int(offsets[-1])) * itemsize > budget:
        return None
    found: dict[str, torch.Tensor] = {}
    seen: dict[str, torch.Tensor] = {}

    def stop(*_: Any) -> None:
        raise Reached

    def run(rows: NDArray[np.int64]) -> None:
        given = inputs(rows)
        if prefix is not None:
            hidden[:] = [prefix.of(rows, given["input_ids"].shape[1], base.device)]
        base.model(**given)

    def keep(rows: NDArray[np.int64]) -> None:
        for name, states in seen.items():
            into = found.setdefault(name, room(int(offsets[-1]), states, budget))
            for row, state in zip(rows, states, strict=True):
                into[offsets[row] : offsets[row + 1]] = state[: table.lengths[row]]

    with ExitStack() as hooks:
        for name in names:
            hooks.callback(base.model.get_submodule(name).register_forward_hook(_saving(seen, name)).remove)
        block = base.model.get_submodule(sites.blocks[sites.first])
        hooks.callback(block.register_forward_hook(stop).remove)
        hooks.enter_context(skipping(base, sites, prefix, lambda: hidden[0]))
        try:
            for_all_rows(table, run, keep)
        except (RuntimeError, MemoryError) as error:
            if not ran_out_of_memory(error):
                raise
            return None
    return FrozenOutputs(found)


@contextmanager
def given_outputs(base: BaseModel, outputs: FrozenOutputs | None, now: PlacesNow) -> Iterator[None]:
    """The layers look their outputs up instead of computing them, for as long as the block lasts."""
    with ExitStack() as restored:
        for name, tensor in ({} if outputs is None else outputs.tensors).items():
            module = base.model.get_submodule(name)
            # An attribute of the instance comes before the method of its class; hooks run as before.
            vars(module)["forward"] = _looked_up(tensor, now)
            restored.callback(vars(module).pop, "forward")
        yield


def _out_of_reach(base: BaseModel, sites: AdapterSites, inputs: dict[str, Any]) -> tuple[str, ...]:
    """Linear layers of the first adapted block whose input hangs on no adapted layer's output."""
    block = sites.blocks[sites.first]
    linear = {
        name: module
        for name, module in base.model.named_modules()
        if name.startswith(f"{block}.") and isinstance(module, nn.Linear | Conv1D)
    }
    shape = inputs["input_ids"].shape
    free: list[str] = []
    calls: list[str] = []

    def note(name: str) -> Any:
        def hook(_: nn.Module, args: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor | None:
            calls.append(name)
            # Flattened rows, or rows in another order, have no place of their own among the sequences.
            if output.ndim == 3 and output.shape[:2] == shape and not args[0].requires_grad:
                free.append(name)
            return output.detach().requires_grad_() if name in sites.adapted else None

        return hook

    with ExitStack() as hooks, torch.enable_grad():
        for name, module in linear.items():
            hooks.callback(module.register_forward_hook(note(name)).remove)
        base.model(**inputs)
    return tuple(name for name in free if calls.count(name) == 1)


def _saving(seen: dict[str, torch.Tensor], name: str) -> Any:
    def hook(_: nn.Module, __: tuple[Any, ...], output: torch.Tensor) -> None:
        seen[name] = output

    return hook


def _looked_up(tensor: torch.Tensor, now: PlacesNow) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda states: now.of(tensor, states)
