"""Rows of many adapters in one tensor: cut into blocks of one adapter each, as batched products want them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

_BLOCK_COST = 3.0
"""What one more block costs a product, in rows."""


@dataclass(frozen=True)
class Segments:
    """N items in G blocks of W places; each block belongs to one adapter.

    An adapter with more than W items has several blocks: batched products then waste few places on adapters
    that have fewer items than others.

    Attributes:
        width: W.
        count: G.
        adapters: int64[G], the adapter of each block; None when it is every adapter in order.
        owners: int64[N], the adapter of each item.
        spreading: int64[G * W], the item at each place, free places holding an item of the same adapter; None
            when every place is taken.
        collecting: int64[N], the place of each item; None likewise.
        taken: bool[G, W], whether a place holds an item of its own; None likewise.
    """

    width: int
    count: int
    adapters: torch.Tensor | None
    owners: torch.Tensor
    spreading: torch.Tensor | None
    collecting: torch.Tensor | None
    taken: torch.Tensor | None

    def spread(self, items: torch.Tensor) -> torch.Tensor:
        """[N, ..., f] -> [G, W * ..., f]: each block's items together, free places filled with copies."""
        if self.spreading is not None:
            flat = items.reshape(items.shape[0], -1).index_select(0, self.spreading)
            items = flat.view(-1, *items.shape[1:])
        return items.reshape(self.count, -1, items.shape[-1])

    def collect(self, places: torch.Tensor, shape: torch.Size) -> torch.Tensor:
        """[G, W * ..., f] -> [N, ..., f]: the items of all blocks in their order, `shape` without its f."""
        if self.collecting is None:
            return places.reshape(*shape, places.shape[-1])
        flat = places.reshape(self.count * self.width, -1)
        return flat.index_select(0, self.collecting).view(*shape, places.shape[-1])

    def blank(self, places: torch.Tensor) -> torch.Tensor:
        """[G, f, W * ...] with zeros in the free places, whatever stood there."""
        if self.taken is None:
            return places
        split = places.view(self.count, places.shape[1], self.width, -1)
        return split.masked_fill_(~self.taken[:, None, :, None], 0).view(places.shape)

    def pick(self, stacked: torch.Tensor) -> torch.Tensor:
        """[K, ...] -> [G, ...]: the parameters of each block's adapter."""
        return stacked if self.adapters is None else stacked.index_select(0, self.adapters)

    def put(self, picked: torch.Tensor, n_adapters: int) -> torch.Tensor:
        """[G, ...] -> [K, ...]: sums over the blocks of each adapter, zeros for adapters without blocks."""
        if self.adapters is None:
            return picked
        return picked.new_zeros((n_adapters, *picked.shape[1:])).index_add_(0, self.adapters, picked)


def make_segments(owners: NDArray[np.int64], n_adapters: int, device: str) -> Segments:
    """Segments of items whose adapters are given.

    Args:
        owners: int64[N], ascending: the adapter of each item.
        n_adapters: K.
        device: Where the indices go.
    """
    adapters, starts, sizes = np.unique(owners, return_index=True, return_counts=True)
    width = _block_width(sizes)
    blocks = -(-sizes // width)
    first = np.cumsum(blocks) - blocks
    within = np.arange(blocks.sum()) - np.repeat(first, blocks)
    begins = np.repeat(starts, blocks) + within * width
    filled = np.minimum(np.repeat(sizes, blocks) - within * width, width)
    move = lambda array: torch.from_numpy(np.ascontiguousarray(array)).to(device)  # noqa: E731
    whole = len(adapters) == n_adapters and bool((blocks == 1).all())
    chosen = None if whole else move(np.repeat(adapters, blocks))
    if (filled == width).all():
        return Segments(width, len(begins), chosen, move(owners), None, None, None)
    taken = np.arange(width) < filled[:, None]
    spreading = begins[:, None] + np.where(taken, np.arange(width), 0)
    return Segments(
        width,
        len(begins),
        chosen,
        move(owners),
        move(spreading.ravel()),
        move(np.flatnonzero(taken)),
        move(taken),
    )


def _block_width(sizes: NDArray[np.int64]) -> int:
    """The width with the least cost: places of all blocks, and a cost for each block."""
    widths = np.arange(1, sizes.max() + 1)
    costs = (-(-sizes[:, None] // widths)).sum(axis=0) * (widths + _BLOCK_COST)
    return int(widths[costs.argmin()])
