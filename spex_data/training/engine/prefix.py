"""Hidden states that enter the first adapted block: the same for every adapter, so computed once."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from spex_data.models import BaseModel
from spex_data.models.memory import ran_out_of_memory
from spex_data.training.engine.memory import forget_cached, nothing_fits
from spex_data.training.engine.tables import SequenceTable, cut_into_passes
from spex_data.training.sites import AdapterSites

MEMORY_BUDGET = 2 * 2**30
"""Bytes of hidden states kept in memory; more go to a temporary file that is mapped into memory."""
_PASS_TOKENS = 4096


Inputs = Callable[[NDArray[np.int64]], dict[str, Any]]
"""Gives what the model is called with for some rows."""


class Reached(Exception):
    """The model has come as far as it needs to."""


@dataclass(frozen=True)
class FrozenPrefix:
    """Hidden states at the entry of the first adapted block.

    Attributes:
        hidden: float[tokens of all sequences, width], one sequence after the other.
        offsets: int64[n + 1], where each sequence begins.
        in_tuple: Whether the block before gives its output in a tuple.
    """

    hidden: torch.Tensor
    offsets: NDArray[np.int64]
    in_tuple: bool

    def of(self, rows: NDArray[np.int64], length: int, device: str) -> torch.Tensor:
        """float[len(rows), length, width], filled up with copies of each sequence's last state."""
        starts, ends = self.offsets[rows], self.offsets[rows + 1]
        places = np.minimum(starts[:, None] + np.arange(length), ends[:, None] - 1)
        return self.at(torch.from_numpy(places.ravel()).to(device), (len(rows), length))

    def at(self, places: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
        """float[*shape, width], the states of some tokens, on the device of `places`."""
        chosen = self.hidden.index_select(0, places.to(self.hidden.device)).to(places.device)
        return chosen.view(*shape, -1)


@torch.no_grad()
def compute_prefix(
    base: BaseModel,
    sites: AdapterSites,
    table: SequenceTable,
    inputs: Inputs,
    budget: int = MEMORY_BUDGET,
) -> FrozenPrefix | None:
    """The prefix of all sequences of a table; None when the first block is adapted.

    Args:
        base: No adapters on it.
        sites: Where the first adapted block is.
        table: The sequences.
        inputs: What the model is called with for some rows.
        budget: Bytes kept in memory.
    """
    if not sites.first:
        return None
    block = base.model.get_submodule(sites.blocks[sites.first])
    before = base.model.get_submodule(sites.blocks[sites.first - 1])
    seen: dict[str, Any] = {}

    def keep(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        seen["hidden"] = args[0] if args else kwargs["hidden_states"]
        raise Reached

    hooks = [
        block.register_forward_pre_hook(keep, with_kwargs=True),
        before.register_forward_hook(lambda _, __, output: seen.update(in_tuple=isinstance(output, tuple))),
    ]
    offsets = table.offsets
    hidden: list[torch.Tensor] = []

    def fill(rows: NDArray[np.int64]) -> None:
        states = seen["hidden"]
        if not hidden:
            hidden.append(room(int(offsets[-1]), states, budget))
        for row, state in zip(rows, states, strict=True):
            hidden[0][offsets[row] : offsets[row + 1]] = state[: table.lengths[row]]

    try:
        for_all_rows(table, lambda rows: base.model(**inputs(rows)), fill)
    finally:
        for hook in hooks:
            hook.remove()
    return FrozenPrefix(hidden[0], offsets, bool(seen["in_tuple"]))


def for_all_rows(
    table: SequenceTable,
    run: Callable[[NDArray[np.int64]], Any],
    keep: Callable[[NDArray[np.int64]], None],
) -> None:
    """Runs the model over all sequences, until `Reached` in each pass, in smaller passes if memory runs out.

    Args:
        table: The sequences.
        run: Runs it over some rows.
        keep: Called after each pass.

    Raises:
        TrainingError: Not even one row fits.
    """
    waiting = cut_into_passes(table.lengths, cost=0.0, most=_PASS_TOKENS)
    while waiting:
        rows = waiting.pop()
        try:
            with suppress(Reached):
                run(rows)
        except (RuntimeError, MemoryError) as error:
            if not ran_out_of_memory(error):
                raise
            if len(rows) == 1:
                raise nothing_fits() from error
            forget_cached()
            waiting += np.array_split(rows, 2)
        else:
            keep(rows)


@contextmanager
def skipping(
    base: BaseModel, sites: AdapterSites, prefix: FrozenPrefix | None, hidden: Callable[[], torch.Tensor]
) -> Iterator[None]:
    """Blocks below the first adapted one pass their input on; the last of them gives `hidden()` instead."""
    if prefix is None:
        yield
        return

    def through(*args: Any, **kwargs: Any) -> Any:
        state = args[0] if args else kwargs["hidden_states"]
        return (state,) if prefix.in_tuple else state

    def inject(*_: Any, **__: Any) -> Any:
        return (hidden(),) if prefix.in_tuple else hidden()

    with ExitStack() as restored:
        for number, name in enumerate(sites.blocks[: sites.first]):
            block = base.model.get_submodule(name)
            # An attribute of the instance comes before the method of its class.
            vars(block)["forward"] = inject if number == sites.first - 1 else through
            restored.callback(vars(block).pop, "forward")
        yield


def room(n_tokens: int, like: torch.Tensor, budget: int) -> torch.Tensor:
    """An empty float[n_tokens, width]: beside the model, or in a file when it is larger than the budget."""
    shape = (n_tokens, like.shape[-1])
    size = n_tokens * like.shape[-1] * like.element_size()
    if size <= budget:
        return torch.empty(shape, dtype=like.dtype, device=like.device)
    with tempfile.NamedTemporaryFile(prefix="spex-data-hidden-") as file:
        file.truncate(size)
        # The map outlives the name: the space is given back when the tensor goes.
        return torch.from_file(file.name, shared=True, size=n_tokens * shape[1], dtype=like.dtype).view(shape)
