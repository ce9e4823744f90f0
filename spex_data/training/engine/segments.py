"""Rows of many adapters in one tensor: those of one adapter side by side, as batched products want them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray


@dataclass(frozen=True)
class Segments:
    """N items, grouped by the G adapters that have any, W at most to an adapter.

    Attributes:
        width: W.
        count: G.
        adapters: int64[G], numbers of the adapters; None when it is every adapter in order.
        owners: int64[N], the adapter of each item.
        spreading: int64[G * W], the item at each place, free places holding an item of the same adapter; None
            when every adapter has W items.
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
        """[N, ..., f] -> [G, W * ..., f]: each adapter's items together, free places filled with copies."""
        if self.spreading is not None:
            items = items.reshape(items.shape[0], -1).index_select(0, self.spreading).view(-1, *items.shape[1:])
        return items.reshape(self.count, -1, items.shape[-1])

    def collect(self, places: torch.Tensor, shape: torch.Size) -> torch.Tensor:
        """[G, W * ..., f] -> [N, ..., f]: the items of all adapters in their order, `shape` without its f."""
        if self.collecting is None:
            return places.reshape(*shape, places.shape[-1])
        flat = places.reshape(self.count * self.width, -1)
        return flat.index_select(0, self.collecting).view(*shape, places.shape[-1])

    def blank(self, places: torch.Tensor) -> torch.Tensor:
        """[G, W * ..., f] with zeros in the free places."""
        if self.taken is None:
            return places
        split = places.view(self.count, self.width, -1)
        return torch.where(self.taken[..., None], split, 0).view(places.shape)

    def pick(self, stacked: torch.Tensor) -> torch.Tensor:
        """[K, ...] -> [G, ...]: the parameters of the adapters that have items."""
        return stacked if self.adapters is None else stacked.index_select(0, self.adapters)

    def put(self, picked: torch.Tensor, n_adapters: int) -> torch.Tensor:
        """[G, ...] -> [K, ...] with zeros for the adapters that have no items."""
        if self.adapters is None:
            return picked
        return picked.new_zeros((n_adapters, *picked.shape[1:])).index_copy_(0, self.adapters, picked)


def make_segments(owners: NDArray[np.int64], n_adapters: int, device: str) -> Segments:
    """Segments of items whose adapters are given.

    Args:
        owners: int64[N], ascending: the adapter of each item.
        n_adapters: K.
        device: Where the indices go.
    """
    adapters, starts, sizes = np.unique(owners, return_index=True, return_counts=True)
    width, count = int(sizes.max()), len(adapters)
    move = lambda array: torch.from_numpy(np.ascontiguousarray(array)).to(device)  # noqa: E731
    chosen = None if count == n_adapters else move(adapters)
    if (sizes == width).all():
        return Segments(width, count, chosen, move(owners), None, None, None)
    taken = np.arange(width) < sizes[:, None]
    spreading = starts[:, None] + np.where(taken, np.arange(width), 0)
    return Segments(
        width, count, chosen, move(owners), move(spreading.ravel()), move(np.flatnonzero(taken)), move(taken)
    )
