"""Bootstrap intervals of scores on held-out masks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

_RESAMPLES = 400

Score = Callable[[ArrayLike, ArrayLike], float | None]


def score_interval(
    score: Score, actual: ArrayLike, predicted: ArrayLike, *, seed: int = 0, level: float = 0.9
) -> tuple[float, float] | None:
    """The percentile interval of a score over masks drawn again with repetition (Efron & Tibshirani 1993).

    Args:
        score: Of actual and predicted values, None where it says nothing.
        actual: float64[m], one value a mask.
        predicted: float64[m].
        seed: Of the draws.
        level: Coverage that the interval is made for.

    Returns:
        (low, high); None with fewer than 4 masks or where fewer than half of the draws have a score.
    """
    y, guess = np.asarray(actual, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    if len(y) < 4:
        return None
    draws = np.random.default_rng(seed).integers(len(y), size=(_RESAMPLES, len(y)))
    found = [score(y[rows], guess[rows]) for rows in draws]
    known: NDArray[np.float64] = np.array([one for one in found if one is not None], dtype=np.float64)
    if len(known) < _RESAMPLES / 2:
        return None
    low, high = np.quantile(known, (0.5 - level / 2, 0.5 + level / 2))
    return float(low), float(high)
