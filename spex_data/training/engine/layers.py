"""What the adapters of a pass add to a layer, each to its own rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import layer_norm

from spex_data.errors import TrainingError
from spex_data.training.engine.segments import Segments

SegmentsNow = Callable[[], Segments]
"""Gives the segments of the rows that the model is computing."""
Hook = Callable[[nn.Module, tuple[Any, ...], torch.Tensor], torch.Tensor]


class _LoraUpdate(torch.autograd.Function):
    """y + s x A^T B^T, row for row with the A and B of the row's adapter.

    Written out so that little is kept for the way back, and because the product of a tall matrix with a thin
    one is five times slower on a CPU than its transpose: `hidden` and `through` are [G, rank, places].
    """

    @staticmethod
    def forward(ctx, y, x, a, b, segments, scale):  # type: ignore[no-untyped-def]
        ctx.segments, ctx.scale, ctx.n_adapters, ctx.dtype = segments, scale, len(a), a.dtype
        a, b = segments.pick(a).to(x.dtype), segments.pick(b).mT.to(x.dtype) * scale
        b = b.contiguous()
        places = segments.spread(x)
        hidden = segments.blank(torch.bmm(a, places.mT))
        ctx.save_for_backward(places, hidden, a, b)
        ctx.shape = x.shape[:-1]
        return segments.collect(torch.bmm(hidden.mT, b), y.shape[:-1]).add_(y)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        places, hidden, a, b = ctx.saved_tensors
        segments: Segments = ctx.segments
        spread = segments.spread(gradient)
        through = segments.blank(torch.bmm(b, spread.mT))
        gradient_a = torch.bmm(through, places)
        gradient_b = torch.bmm(hidden, spread).mT * ctx.scale
        gradient_x = (
            segments.collect(torch.bmm(through.mT, a), ctx.shape) if ctx.needs_input_grad[1] else None
        )
        put = lambda picked: segments.put(picked.to(ctx.dtype), ctx.n_adapters)  # noqa: E731
        return gradient, gradient_x, put(gradient_a), put(gradient_b), None, None


def lora_hook(a: torch.Tensor, b: torch.Tensor, scale: float, now: SegmentsNow) -> Hook:
    """A forward hook of a linear layer that adds the adapters' updates.

    Args:
        a: [K, rank, in].
        b: [K, out, rank].
        scale: s.
        now: The rows' segments.
    """

    def hook(_: nn.Module, inputs: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
        segments, shape = now(), output.shape
        x, y = (_rows_first(states, len(segments.owners)) for states in (inputs[0], output))
        return _LoraUpdate.apply(y, x, a, b, segments, scale).view(shape)  # type: ignore[no-any-return]

    return hook


def _rows_first(states: torch.Tensor, n_rows: int) -> torch.Tensor:
    """The states of a model that flattens rows and positions into one axis, by row again."""
    if states.shape[0] == n_rows:
        return states
    if states.shape[0] % n_rows:
        raise TrainingError(
            f"calls an adapted layer with {states.shape[0]} states for {n_rows} rows",
            where="model.source",
            instead='adapt other lora.target_modules, or train with train_adapters(..., engine="reference")',
        )
    return states.unflatten(0, (n_rows, -1))


def linear_head_hook(weight: torch.Tensor, bias: torch.Tensor | None, now: SegmentsNow) -> Hook:
    """A forward hook that puts each adapter's own linear layer in the place of the model's.

    Args:
        weight: [K, out, in].
        bias: [K, out], or None.
        now: The rows' segments.
    """

    def hook(_: nn.Module, inputs: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
        segments, x = now(), inputs[0].to(weight.dtype)
        y = torch.bmm(segments.spread(x), segments.pick(weight).mT)
        if bias is not None:
            y = y + segments.pick(bias)[:, None]
        return segments.collect(y, x.shape[:-1]).to(output.dtype)

    return hook


def norm_head_hook(weight: torch.Tensor, bias: torch.Tensor | None, now: SegmentsNow) -> Hook:
    """A forward hook that gives each row the scale and shift of its adapter after a layer normalisation.

    Args:
        weight: [K, width].
        bias: [K, width], or None.
        now: The rows' segments.
    """

    def hook(module: nn.Module, inputs: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
        assert isinstance(module, nn.LayerNorm)
        x = inputs[0].to(weight.dtype)
        owners = now().owners
        beside = (len(owners), *[1] * (x.ndim - 2), weight.shape[-1])
        y = layer_norm(x, weight.shape[1:], eps=module.eps) * weight[owners].view(beside)
        return (y if bias is None else y + bias[owners].view(beside)).to(output.dtype)

    return hook
