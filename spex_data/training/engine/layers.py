"""What the adapters of a pass add to a layer, each to its own rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import layer_norm

from spex_data.training.engine.segments import Segments

SegmentsNow = Callable[[], Segments]
"""Gives the segments of the rows that the model is computing."""
Hook = Callable[[nn.Module, tuple[Any, ...], torch.Tensor], torch.Tensor]


class _LoraUpdate(torch.autograd.Function):
    """y + s x A^T B^T, row for row with the A and B of the row's adapter.

    Written out because the padded copy of x is then the only thing that is kept for the way back.
    """

    @staticmethod
    def forward(ctx, y, x, a, b, segments, scale):  # type: ignore[no-untyped-def]
        ctx.segments, ctx.scale, ctx.n_adapters, ctx.dtype = segments, scale, len(a), a.dtype
        a, b = segments.pick(a).to(x.dtype), segments.pick(b).to(x.dtype) * scale
        places = segments.spread(x)
        hidden = segments.blank(torch.bmm(places, a.mT))
        ctx.save_for_backward(places, hidden, a, b)
        ctx.shape = x.shape[:-1]
        return segments.collect(torch.bmm(hidden, b.mT), y.shape[:-1]).add_(y)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        places, hidden, a, b = ctx.saved_tensors
        segments: Segments = ctx.segments
        spread = segments.spread(gradient)
        through = segments.blank(torch.bmm(spread, b))
        gradient_a = torch.bmm(through.mT, places)
        gradient_b = torch.bmm(spread.mT, hidden) * ctx.scale
        gradient_x = segments.collect(torch.bmm(through, a), ctx.shape) if ctx.needs_input_grad[1] else None
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
        return _LoraUpdate.apply(output, inputs[0], a, b, now(), scale)  # type: ignore[no-any-return]

    return hook


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
        x = inputs[0].to(weight.dtype)
        owners = now().owners
        beside = (len(owners), *[1] * (x.ndim - 2), weight.shape[-1])
        y = layer_norm(x, weight.shape[1:], eps=module.eps) * weight[owners].view(beside)
        return (y if bias is None else y + bias[owners].view(beside)).to(output.dtype)

    return hook
