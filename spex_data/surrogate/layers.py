"""What goes into and comes out of the linear layers that an adapter trains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from spex_data.errors import TrainingError
from spex_data.surrogate.factors import Factors

Seen = dict[str, list[tuple[nn.Linear, torch.Tensor, torch.Tensor]]]
"""Of each trained layer by name, for each of its calls: the layer, what went into it, what came out."""


def trained_shapes(model: Any) -> dict[str, tuple[int, int]]:
    """Outputs and inputs of every matrix that an adapter trains, a bias counted as an input."""
    return {
        name: (module.out_features, module.in_features + _has_bias(module))
        for name, module in _trained(model)
    }


@contextmanager
def recorded(model: Any) -> Iterator[Seen]:
    """What goes into and comes out of every linear layer that is trained, while the block lasts."""
    seen: Seen = {}

    def hook(name: str) -> Any:
        def record(layer: nn.Linear, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
            seen.setdefault(name, []).append((layer, inputs[0], output))

        return record

    handles = [module.register_forward_hook(hook(name)) for name, module in _trained(model)]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def seen_factors(seen: Seen, slopes: Sequence[torch.Tensor]) -> tuple[Factors, ...]:
    """One for each layer: of one that is called several times, the rows of all its calls."""
    made, left = [], iter(slopes)
    for name, calls in seen.items():
        inner = _as_rows([inputs for _, inputs, _ in calls])
        outer = _as_rows([next(left) for _ in calls])
        if _has_bias(calls[0][0]):
            inner = torch.cat([inner, torch.ones_like(inner[..., :1])], dim=-1)
        made.append(Factors(name, outer, inner))
    return tuple(made)


def _as_rows(sides: Sequence[torch.Tensor]) -> torch.Tensor:
    """float32[q, rows, width] of all calls, also of a head that sees a sequence as one row."""
    rows = [side.detach().float() for side in sides]
    rows = [side[:, None] if side.ndim == 2 else side for side in rows]
    return rows[0] if len(rows) == 1 else torch.cat(rows, dim=1)


def refuse_mixed(seen: Seen, sequences: int) -> None:
    """A layer that sees the tokens of all sequences as one says nothing of each."""
    odd = [name for name, calls in seen.items() if any(len(inputs) != sequences for _, inputs, _ in calls)]
    if odd:
        raise TrainingError(
            f"trains the layer {odd[0]!r}, which does not see sequences apart from each other",
            where="decoding.surrogate",
            instead="leave that layer out of lora.target_modules, or write decoding.surrogate: off",
        )


def refuse_other_layers(model: Any) -> None:
    """Gradients are taken at linear layers alone.

    Raises:
        TrainingError: The adapter trains something else, such as the norm of a head.
    """
    linear = {id(one) for _, module in _trained(model) for one in module.parameters()}
    other = [name for name, one in model.named_parameters() if one.requires_grad and id(one) not in linear]
    if other:
        raise TrainingError(
            f"needs gradients at linear layers, and {other[0]!r} is trained too",
            where="decoding.surrogate",
            instead="write decoding.surrogate: off, or choose a model whose head is linear",
        )


def _has_bias(layer: nn.Linear) -> bool:
    return layer.bias is not None and layer.bias.requires_grad


def _trained(model: Any) -> list[tuple[str, nn.Linear]]:
    return [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module.weight.requires_grad
    ]
