"""What AdamW divides a step by, from the gradients of some examples."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from spex_data.surrogate.gradients import Batch


class SecondMoments:
    """How large the coordinates of a training step's gradient are, matrix by matrix.

    With l the loss gradients of the examples, v = mean(l)^2 + mean(l^2) / B is the mean square of a step's
    on B examples, which is what AdamW divides by the root of. Only the sums of v over rows and over columns
    are kept (Shazeer and Stern 2018, "Adafactor", section 3). Batches are added one by one; the mean of each
    matrix is all that is held of them.

    Args:
        shares: float64[training pieces], how much a loss moves with -log p of the piece.
        batch_size: B.
    """

    def __init__(self, shares: NDArray[np.float64], batch_size: int) -> None:
        self._shares = shares
        self._batch_size = batch_size
        self._pieces = 0
        self._sums: dict[str, torch.Tensor] = {}
        self._squares: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    def add(self, batch: Batch) -> None:
        """Counts gradients of some training examples' margins in."""
        weights = torch.sigmoid(-batch.margins) * torch.tensor(self._shares[batch.pieces]).to(batch.margins)
        for one in batch.factors:
            for part, gradients in one.written_out():
                losses = gradients * weights[part].to(gradients)[:, None, None]
                squares = losses**2
                self._count(one.name, losses.sum(dim=0), squares.sum(dim=(0, 2)), squares.sum(dim=(0, 1)))
        self._pieces += len(batch.pieces)

    def _count(self, name: str, total: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> None:
        if name in self._sums:
            self._sums[name] += total
            self._squares[name][0].add_(rows)
            self._squares[name][1].add_(columns)
        else:
            self._sums[name], self._squares[name] = total, (rows, columns)

    def means(self) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        """By the matrix's name float64[outputs] and float64[inputs], the means of v over the other side."""
        found = {}
        for name, total in self._sums.items():
            outputs, inputs = total.shape
            mean = (total / self._pieces) ** 2
            rows, columns = (side / self._pieces / self._batch_size for side in self._squares[name])
            found[name] = mean.mean(dim=1) + rows / inputs, mean.mean(dim=0) + columns / outputs
        return found
