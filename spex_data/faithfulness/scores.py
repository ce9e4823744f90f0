"""How well predictions agree with values that were not decoded from."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def r2(actual: ArrayLike, predicted: ArrayLike) -> float | None:
    """The share of the variance of the values that predictions account for.

    R2 = 1 - sum (y - yhat)^2 / sum (y - mean y)^2.

    Args:
        actual: float64[m]; rows that are NaN in either are left out.
        predicted: float64[m].

    Returns:
        At most 1, negative where predictions are worse than the mean; None where it says nothing: fewer than
        2 values, or all equal.
    """
    y, guess = _paired(actual, predicted)
    if len(y) < 2:
        return None
    total = float(((y - y.mean()) ** 2).sum())
    if total <= 1e-24 * float((y**2).sum()):
        return None
    return 1.0 - float(((y - guess) ** 2).sum()) / total


def spearman(actual: ArrayLike, predicted: ArrayLike) -> float | None:
    """Spearman's rank correlation, the LDS of data attribution (Park et al. 2023).

    Args:
        actual: float64[m]; rows that are NaN in either are left out.
        predicted: float64[m].

    Returns:
        In [-1, 1]; ties have their mean rank; None with fewer than 2 values, or where either is constant.
    """
    y, guess = _paired(actual, predicted)
    if len(y) < 2:
        return None
    ranks = _ranks(y), _ranks(guess)
    spread = float(np.sqrt((ranks[0] ** 2).sum() * (ranks[1] ** 2).sum()))
    return float(ranks[0] @ ranks[1]) / spread if spread > 0 else None


def _paired(actual: ArrayLike, predicted: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    y, guess = np.asarray(actual, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    known = ~(np.isnan(y) | np.isnan(guess))
    return y[known], guess[known]


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks less their mean; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2.0
    return np.asarray(middle[inverse.reshape(-1)] - (len(values) + 1) / 2.0)
