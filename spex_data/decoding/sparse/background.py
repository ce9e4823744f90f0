"""Small effects of all single groups, beside which atoms are looked for.

Where every group matters a little, a choice of few leaves most of it out. So single groups have normal
coefficients of a variance of their own, which the evidence chooses; atoms come on top.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_VARIANCES = np.logspace(-4, 1, 21)
"""Candidates for the variance of a single group's coefficient, in units of the noise; beside them 0."""


@dataclass(frozen=True, eq=False)
class Background:
    """Independent normal coefficients of all single groups.

    Attributes:
        columns: float64[m, n_groups], of mean 0.
        variance: Of a coefficient, in units of the noise; 0 leaves them out.
    """

    columns: NDArray[np.float64]
    variance: float

    def coefficients(self, residual: NDArray[np.float64]) -> NDArray[np.float64]:
        """Posterior means, float64[n_groups].

        Args:
            residual: float64[m], the values less what atoms explain.
        """
        if not self.variance:
            return np.zeros(self.columns.shape[1])
        inner = self.columns.T @ self.columns
        inner[np.diag_indices(len(inner))] += 1.0 / self.variance
        return np.asarray(np.linalg.solve(inner, self.columns.T @ residual))

    @property
    def nuisance(self) -> tuple[NDArray[np.float64], float] | None:
        """As `sweep.swept` takes it."""
        return (self.columns, self.variance) if self.variance else None


def background(columns: NDArray[np.float64], residual: NDArray[np.float64]) -> Background:
    """The background whose variance has the largest evidence, the noise integrated out.

    Args:
        columns: float64[m, n_groups], of mean 0.
        residual: float64[m], the values less what atoms explain.
    """
    squares, vectors = np.linalg.eigh(columns.T @ columns)
    squares = np.maximum(squares, 0.0)
    energies = (vectors.T @ (columns.T @ residual)) ** 2
    whole, count = float(residual @ residual), len(residual)
    floor = 1e-12 * whole + 1e-300

    def evidence(variance: float) -> float:
        explained = float((energies * variance / (1 + variance * squares)).sum())
        loss = np.log(max(whole - explained, floor))
        return float(-0.5 * count * loss - 0.5 * np.log1p(variance * squares).sum())

    best = max([0.0, *_VARIANCES.tolist()], key=evidence)
    return Background(columns, best)
