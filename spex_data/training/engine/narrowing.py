"""Computing of the last block what only the scored positions need at these alone.

After the last block's attention every position goes its own way, so its feed-forward part need not see the
others; nor need the projections to the attention's queries and of its output. Which modules work position by
position is found out by trying, and what comes out is compared; which linear layers are needed at the scored
positions alone, by spoiling the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers.pytorch_utils import Conv1D

from spex_data.models import BaseModel
from spex_data.training.engine.segments import Segments
from spex_data.training.sites import AdapterSites

_TOLERANCE = 0.05
"""Largest difference, in units of the largest output, that rounding can explain (bfloat16: 1/256 a step)."""


@dataclass
class ScoredPositions:
    """Which positions of a pass are scored; set before every pass.

    Attributes:
        places: int64[P], row * length + position, ascending.
        segments: The same positions by adapter.
        by_row: int64[R, most], the places of each row, filled up with copies of its last; None = unknown.
        of_row: int64[P], which of these each position is; None when no row is filled up.
    """

    places: torch.Tensor | None = None
    segments: Segments | None = None
    by_row: torch.Tensor | None = None
    of_row: torch.Tensor | None = None

    def take(self, states: torch.Tensor) -> torch.Tensor:
        """[R, T, f] -> [P, 1, f]: every scored position as a row of its own."""
        assert self.places is not None
        return states.flatten(0, 1).index_select(0, self.places)[:, None]

    def put(self, states: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
        """[P, 1, f] -> [R, T, f] with zeros at the positions that are not scored."""
        assert self.places is not None
        room = states.new_zeros((shape[0] * shape[1], states.shape[-1]))
        return room.index_copy(0, self.places, states[:, 0]).unflatten(0, tuple(shape[:2]))


@dataclass(frozen=True)
class _Call:
    """One call of a module: its inputs and what came out."""

    inputs: tuple[Any, ...]
    output: Any


@torch.no_grad()
def positionwise_modules(
    base: BaseModel, sites: AdapterSites, inputs: dict[str, Any], scored: ScoredPositions
) -> tuple[str, ...]:
    """Names of the last block's modules that can be computed at the scored positions alone.

    Args:
        base: A model without adapters.
        sites: Names its blocks.
        inputs: What to try with: int64[R, T] with T of at least 2.
        scored: One position of each row: a causal model's logits there and all of a classifier's must not
            change.
    """
    block = base.model.get_submodule(sites.blocks[-1])
    calls: dict[str, _Call] = {}

    def keep(name: str) -> Any:
        def hook(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            # Called twice, or with more than tensors: nothing to be sure of.
            known = name not in calls and not kwargs
            calls[name] = _Call(args if known else (), output)

        return hook

    with ExitStack() as hooks:
        for name, module in block.named_children():
            hooks.callback(module.register_forward_hook(keep(name), with_kwargs=True).remove)
        whole = base.model(**inputs).logits
    found: list[str] = []
    for name, call in calls.items():
        # In the order of the calls: what comes before the last module that mixes positions feeds it.
        alike = _is_positionwise(block, name, call, scored)
        found = [*found, f"{sites.blocks[-1]}.{name}"] if alike else []
    with narrowed(base, found, scored):
        narrow = base.model(**inputs).logits
    if base.task == "causal-lm":
        narrow, whole = scored.take(narrow), scored.take(whole)
    return tuple(found) if _agree(narrow, whole) else ()


def pooled_positions(
    base: BaseModel, sites: AdapterSites, inputs: dict[str, Any], lengths: NDArray[np.int64]
) -> Literal["first", "last"] | None:
    """The one position of every row that a classifier's logits hang on, by their gradient; None if several.

    Args:
        base: A classifier without adapters.
        sites: Names its blocks.
        inputs: What to try with: int64[R, T].
        lengths: int64[R], tokens of each row.
    """
    seen: list[torch.Tensor] = []

    def cut(_: nn.Module, __: tuple[Any, ...], output: Any) -> Any:
        hidden = output[0] if isinstance(output, tuple) else output
        seen.append(hidden.detach().requires_grad_())
        return (seen[-1], *output[1:]) if isinstance(output, tuple) else seen[-1]

    hook = base.model.get_submodule(sites.blocks[-1]).register_forward_hook(cut)
    try:
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(base.model(**inputs).logits.sum(), seen[-1:])
    finally:
        hook.remove()
    used = (gradient != 0).any(-1).cpu().numpy()
    places = np.arange(used.shape[1])
    if (used == (places == 0)).all():
        return "first"
    return "last" if (used == (places == lengths[:, None] - 1)).all() else None


@torch.no_grad()
def spoilable_layers(
    base: BaseModel,
    sites: AdapterSites,
    inputs: dict[str, Any],
    scored: ScoredPositions,
    known: Sequence[str],
) -> tuple[str, ...]:
    """Names of the last block's linear layers of which the logits need the scored positions alone.

    With one layer's outputs at the other positions no numbers, the scored logits must still be numbers:
    whatever takes part in them, with a weight of zero even, spoils them. With other numbers there they must
    be the same: on some processors attention turns a query that is no number into zeros.

    Args:
        base: A model without adapters.
        sites: Names its blocks.
        inputs: What to try with: int64[R, T].
        scored: One position of each row, that is not the only one there.
        known: Modules that need not be looked into.
    """
    block = f"{sites.blocks[-1]}."
    linear = [
        (name, module)
        for name, module in base.model.named_modules()
        if name.startswith(block)
        and isinstance(module, nn.Linear | Conv1D)
        and not any(name == other or name.startswith(f"{other}.") for other in known)
    ]
    return tuple(name for name, module in linear if _may_be_spoilt(base, module, inputs, scored))


@contextmanager
def narrowed(
    base: BaseModel, modules: Sequence[str], now: ScoredPositions, rows: Any = None
) -> Iterator[None]:
    """The modules compute the scored positions alone, for as long as the block lasts.

    Args:
        base: The model.
        modules: Names that `positionwise_modules` found.
        now: The positions.
        rows: What the adapters' hooks ask for segments (`RowsNow`); inside a module they see the positions'.
    """

    def enter(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        shapes.append(args[0].shape)
        if rows is not None:
            outer.append(rows.segments)
            rows.segments = now.segments
        return tuple(now.take(arg) for arg in args)

    def leave(_: nn.Module, __: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
        if rows is not None:
            rows.segments = outer.pop()
        return now.put(output, shapes.pop())

    shapes: list[Sequence[int]] = []
    outer: list[Segments] = []
    with ExitStack() as hooks:
        for name in modules:
            module = base.model.get_submodule(name)
            hooks.callback(module.register_forward_pre_hook(enter).remove)
            hooks.callback(module.register_forward_hook(leave).remove)
        yield


def _may_be_spoilt(
    base: BaseModel, module: nn.Module, inputs: dict[str, Any], scored: ScoredPositions
) -> bool:
    no_numbers = _logits_with(base, module, inputs, scored, lambda output: torch.full_like(output, torch.nan))
    if no_numbers is None or not bool(no_numbers.isfinite().all()):
        return False
    plain = _logits_with(base, module, inputs, scored, lambda output: output)
    others = _logits_with(base, module, inputs, scored, lambda output: 1 - 2 * output)
    return plain is not None and others is not None and torch.equal(plain, others)


def _logits_with(
    base: BaseModel,
    module: nn.Module,
    inputs: dict[str, Any],
    scored: ScoredPositions,
    spoilt: Callable[[torch.Tensor], torch.Tensor],
) -> torch.Tensor | None:
    """The logits that are looked at, with a module's outputs changed at all but the scored positions.

    None where it is not called once, on every position.
    """
    shape, places = inputs["input_ids"].shape, scored.places
    assert places is not None
    calls: list[bool] = []

    def spoil(_: nn.Module, __: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
        calls.append(output.ndim == 3 and output.shape[:2] == shape)
        if not calls[-1]:
            return output
        changed = spoilt(output).flatten(0, 1)
        return changed.index_copy(0, places, scored.take(output)[:, 0]).view(output.shape)

    hook = module.register_forward_hook(spoil)
    try:
        logits = base.model(**inputs).logits
    finally:
        hook.remove()
    if calls != [True]:
        return None
    return scored.take(logits) if base.task == "causal-lm" else logits


def _is_positionwise(block: nn.Module, name: str, call: _Call, scored: ScoredPositions) -> bool:
    tensors = (*call.inputs, call.output)
    if len(tensors) < 2 or not all(torch.is_tensor(tensor) and tensor.ndim == 3 for tensor in tensors):
        return False
    if len({tensor.shape[:2] for tensor in tensors}) > 1:
        return False
    try:
        alone = block.get_submodule(name)(*map(scored.take, call.inputs))
    except (RuntimeError, ValueError, IndexError, TypeError):
        return False
    return torch.is_tensor(alone) and _agree(alone, scored.take(call.output))


def _agree(one: torch.Tensor, other: torch.Tensor) -> bool:
    if one.shape != other.shape:
        return False
    return bool((one - other).abs().max() <= _TOLERANCE * other.abs().max())
