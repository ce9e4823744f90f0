"""Least squares on some of many columns, with what adding, removing or exchanging any one would change.

The Gram matrix of all columns and of the values is kept swept on the active ones (Beaton 1964; Goodnight
1979, "A tutorial on the SWEEP operator"): its last column then holds the coefficients of active columns and
the products of the others with the residual, its diagonal what is left of each column, its corner the
residual sum of squares. A move is one update of rank one, and the evidence of all sets of columns a move away
follows from numbers that are there, whatever the number of masks.

Coefficients are a priori N(0, sigma^2 / penalty) and sigma^2 is integrated out, so the log evidence of a set
A of columns is, up to a constant,

    -(count / 2) log RSS_A - 1/2 log det(X_A' X_A / penalty + I).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dger

_ROUNDING = 1e-10
"""Residuals of this share of the values' energy, and columns of which this share is left, are rounding."""


@dataclass(eq=False)
class Swept:
    """A Gram matrix swept on the active columns; `flip` changes it in place.

    Attributes:
        matrix: float64[q + 1, q + 1], of q columns and the values.
        active: bool[q].
        penalty: Precision of a coefficient, in units of the noise's.
        count: Number of masks less what was taken out of them before.
        energy: Sum of squares of the values.
    """

    matrix: NDArray[np.float64]
    active: NDArray[np.bool_]
    penalty: float
    count: int
    energy: float

    @property
    def residual(self) -> float:
        """The residual sum of squares."""
        return max(float(self.matrix[-1, -1]), _ROUNDING * self.energy)

    @property
    def coefficients(self) -> NDArray[np.float64]:
        """float64[q], 0 where a column is not active."""
        return np.where(self.active, self.matrix[:-1, -1], 0.0)

    def flip(self, place: int) -> None:
        """Makes a column active, or no longer so."""
        row = self.matrix[place].copy()
        pivot = row[place]
        self.matrix = dger(-1.0 / pivot, row, row, a=self.matrix, overwrite_a=1)
        turned = -row / pivot if self.active[place] else row / pivot
        turned[place] = -1.0 / pivot
        self.matrix[place] = turned
        self.matrix[:, place] = turned
        self.active[place] ^= True

    def flip_evidence(self) -> NDArray[np.float64]:
        """float64[q], by how much the log evidence changes if each column is flipped."""
        pivots = self.matrix.diagonal()[:-1]
        size = np.maximum(np.abs(pivots), _ROUNDING)
        change = self.matrix[:-1, -1] ** 2 / size / self.residual
        moved = np.where(self.active, change, -np.minimum(change, 1 - 1e-12))
        volume = np.where(self.active, 1.0 / (size * self.penalty), self.penalty / size)
        return np.asarray(0.5 * np.log(volume) - 0.5 * self.count * np.log1p(moved))

    def swap_evidence(self, given: NDArray[np.int64], taken: NDArray[np.int64]) -> NDArray[np.float64]:
        """float64[a, b], by how much the log evidence changes if an active column makes way for another.

        Args:
            given: int64[a], active columns.
            taken: int64[b], others.
        """
        pivots, products = self.matrix.diagonal(), self.matrix[:, -1]
        spread, coefficients = -pivots[given], products[given]
        across = self.matrix[given][:, taken]
        without = self.residual + coefficients**2 / spread
        left = pivots[taken] + across**2 / spread[:, None]
        product = products[taken] + across * (coefficients / spread)[:, None]
        kept = np.maximum(without[:, None] - product**2 / left, _ROUNDING * self.energy)
        fit = self.count * np.log(kept / self.residual)
        return np.asarray(-0.5 * (fit + np.log(left) + np.log(spread)[:, None]))


def swept(
    columns: NDArray[np.float64],
    values: NDArray[np.float64],
    active: NDArray[np.bool_],
    *,
    penalty: float,
    nuisance: tuple[NDArray[np.float64], float] | None,
) -> Swept:
    """The Gram matrix of columns and values, swept on the active ones.

    Args:
        columns: float64[m, q], of mean 0.
        values: float64[m], of mean 0.
        active: bool[q].
        penalty: Precision of a coefficient, in units of the noise's.
        nuisance: Other columns of mean 0, float64[m, n], that are always there, and the prior variance of
            their coefficients in units of the noise; None for none.
    """
    table = np.hstack([columns, values[:, None]])
    gram = table.T @ table
    if nuisance is not None:
        others, variance = nuisance
        inner = others.T @ others
        inner[np.diag_indices(len(inner))] += 1.0 / variance
        across = others.T @ table
        gram -= across.T @ np.linalg.solve(inner, across)
    diagonal = np.arange(columns.shape[1])
    gram[diagonal, diagonal] += penalty
    state = Swept(
        np.asfortranarray(gram), np.zeros_like(active), penalty, len(values) - 1, float(values @ values)
    )
    for place in np.flatnonzero(active).tolist():
        state.flip(place)
    return state
