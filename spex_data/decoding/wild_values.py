"""Wild values: noise so far out that a fit which believes it predicts everything else worse.

A row whose residual lies beyond the far fences of all residuals (three times the distance of the quartiles
beyond them: Tukey 1977, "Exploratory data analysis") is drawn in to the fence: its value becomes what other
rows say of it plus that much, as in Huber's pseudo-values (1981, "Robust statistics", section 7.8). But what
looks wild may be what a few masks do, such as those in which three rarely absent groups are absent. So values
are drawn in only where that makes out-of-fold predictions of the values as they are better, in absolute
error, by more than chance: who does not believe what can be predicted is far from it, and what cannot be
predicted is equally far from all. Nor may squared errors grow: in these few large ones count, which is what
effects of few masks leave where they are no longer believed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_REACH = 3.0
"""Distances of the quartiles beyond them: far fences."""
_ROUNDS = 2
"""What is predicted without wild values shows more clearly which are wild."""
_SURE = 1.64
"""Standard errors by which absolute errors have to fall: one of 20 would by chance."""

OutOfFold = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Values float64[m, q] of some targets -> what is predicted of them out of fold, float64[m, q]."""


def drawn_in(
    values: NDArray[np.float64], predicted: NDArray[np.float64], predict: OutOfFold
) -> NDArray[np.float64]:
    """Values, those of targets with wild ones drawn in where `predict` is then better.

    Args:
        values: float64[m, t].
        predicted: float64[m, t], what is predicted of them out of fold.
        predict: Predicts others.

    Returns:
        float64[m, t]; columns without wild values as they were.
    """
    tamed = within_fences(values, predicted)
    places = np.flatnonzero((tamed != values).any(axis=0) & _spread_out(values))
    if not len(places):
        return values
    mine, tamed = values[:, places], tamed[:, places]
    for _ in range(_ROUNDS):
        after = predict(tamed)
        tamed = within_fences(mine, after)
    believed = better(mine, after, predicted[:, places])
    found = values.copy()
    found[:, places[believed]] = tamed[:, believed]
    return found


def within_fences(values: NDArray[np.float64], predicted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values whose residuals are beyond the far fences, moved to these; float64[m, t] all."""
    residuals = values - predicted
    low, high = np.quantile(residuals, [0.25, 0.75], axis=0)
    reach = _REACH * (high - low)
    inside = np.clip(residuals, low - reach, high + reach)
    return np.where(inside == residuals, values, predicted + inside)


def better(
    values: NDArray[np.float64], predicted: NDArray[np.float64], before: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """bool[t], whether predictions without wild values are better than those before, by more than chance.

    Args:
        values: float64[m, t], as they are.
        predicted, before: float64[m, t], out of fold.
    """
    errors, others = np.abs(values - predicted), np.abs(values - before)
    gains = others - errors
    sure = gains.mean(axis=0) > _SURE * gains.std(axis=0) / np.sqrt(len(gains))
    return np.asarray(sure & ((errors**2).mean(axis=0) <= (others**2).mean(axis=0)))


def _spread_out(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """bool[t]; where half of the values are one and the same, the others are no noise."""
    low, high = np.quantile(values, [0.25, 0.75], axis=0)
    return np.asarray(high > low)
