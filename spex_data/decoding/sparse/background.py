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
_ROUNDING = 1e-10
"""Residuals of this share of the values' energy are rounding."""


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
    def left(self) -> NDArray[np.float64]:
        """float64[n_groups, n_groups], the covariance of the columns beside a fit of themselves.

        Of what (I + variance columns columns')^-1 leaves of the columns, as it leaves the residual.
        """
        inner = self.columns.T @ self.columns
        if self.variance:
            inner -= inner @ np.linalg.solve(inner + np.eye(len(inner)) / self.variance, inner)
        return np.asarray(inner / len(self.columns))

    @property
    def kept(self) -> float:
        """Share of its energy that is left of a column that has nothing to do with these."""
        if not self.variance:
            return 1.0
        squares = self.variance * np.maximum(np.linalg.eigvalsh(self.columns.T @ self.columns), 0.0)
        return 1.0 - float((squares / (1.0 + squares)).sum()) / len(self.columns)

    def log_evidence(self, values: NDArray[np.float64]) -> float:
        """Of the background alone, the noise integrated out, up to a constant that no variance changes.

        Args:
            values: float64[m], of mean 0.
        """
        whole = float(values @ values)
        if not self.variance:
            return -0.5 * (len(values) - 1) * float(np.log(whole))
        inner, products = self.columns.T @ self.columns, self.columns.T @ values
        volume = float(np.linalg.slogdet(np.eye(len(inner)) + self.variance * inner)[1])
        inner[np.diag_indices(len(inner))] += 1.0 / self.variance
        left = max(whole - float(products @ np.linalg.solve(inner, products)), _ROUNDING * whole)
        return -0.5 * (len(values) - 1) * float(np.log(left)) - 0.5 * volume

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
    whole, count = float(residual @ residual), len(residual) - 1
    floor = 1e-12 * whole + 1e-300

    def evidence(variance: float) -> float:
        explained = float((energies * variance / (1 + variance * squares)).sum())
        loss = np.log(max(whole - explained, floor))
        return float(-0.5 * count * loss - 0.5 * np.log1p(variance * squares).sum())

    best = max([0.0, *_VARIANCES.tolist()], key=evidence)
    return Background(columns, best)
