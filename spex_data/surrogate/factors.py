"""Gradients by a matrix as the two thin sides that they are products of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

_ENTRIES = 1_000_000
"""Of gradients written out at a time."""


@dataclass(frozen=True, eq=False)
class Factors:
    """The gradients of margins by one weight matrix, as sums over tokens of outer products.

    Attributes:
        name: Of the matrix.
        outer: float32[q, tokens, outputs], what comes back to its outputs.
        inner: float32[q, tokens, inputs], what went into it; with a column of ones where it has a bias.
    """

    name: str
    outer: torch.Tensor
    inner: torch.Tensor

    @property
    def gradients(self) -> torch.Tensor:
        """float32[q, outputs, inputs]."""
        return torch.einsum("nto,nti->noi", self.outer, self.inner)

    @property
    def n_bytes(self) -> int:
        """Memory that both sides take."""
        return self.outer.untyped_storage().nbytes() + self.inner.untyped_storage().nbytes()

    def written_out(self) -> Iterator[tuple[slice, torch.Tensor]]:
        """The gradients of a few pieces at a time, so that those of many are never there at once.

        Yields:
            Which of the q pieces, and float64[k, outputs, inputs].
        """
        few = max(1, _ENTRIES // (self.outer.shape[-1] * self.inner.shape[-1]))
        for start in range(0, len(self.outer), few):
            part = slice(start, start + few)
            yield part, Factors(self.name, self.outer[part], self.inner[part]).gradients.double()

    def compact(self) -> Factors:
        """The same gradients in as few rows as the matrix has outputs or inputs, if it is that thin."""
        (_, tokens, outputs), inputs = self.outer.shape, self.inner.shape[-1]
        if tokens <= min(outputs, inputs):
            return self
        one = torch.eye(min(outputs, inputs)).to(self.outer).expand(len(self.outer), -1, -1)
        if outputs <= inputs:
            return Factors(self.name, one, self.gradients)
        return Factors(self.name, self.gradients.transpose(1, 2).contiguous(), one)
