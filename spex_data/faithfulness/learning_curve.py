"""How R2 grows with the number of masks, measured on the masks at hand and carried on beyond them.

A decoder is fitted on parts of the masks and judged on the others, at several sizes. Errors fall about like a
power of the number of masks,

    1 - R2(m) / c = exp(a) m^(-b),     0 <= b <= 2,

with c what seed noise leaves of one value's variance, and a and b by least squares on the logs (Hestness et
al. 2017, "Deep learning scaling is predictable, empirically"). Sparse games fall faster once there are enough
masks to tell the sets that act, and others level off, so what is said is less sure than the scatter of the
points has it: by AT_HAND for as many masks as there are, and by A_DOUBLING each time they double, both
measured on games that are known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Fit = Callable[[NDArray[np.int64]], Callable[[NDArray[np.int64]], NDArray[np.float64]]]
"""Rows to fit on -> rows to predict -> float64[k, t]."""

SHARES = (0.35, 0.5, 0.7, 0.85)
"""Of the masks that are fitted on; the others judge."""
AT_HAND, A_DOUBLING = 0.45, 0.45
"""Standard deviations of the log of actual over predicted error (python benchmarks/learning.py)."""
_LEAST_ERROR, _MOST_ERROR = 1e-3, 1.0
_Z = 1.645
_MOST_SLOPE = 2.0
_LEAST_MASKS = 16


@dataclass(frozen=True)
class LearningCurve:
    """R2 by number of masks, as a share of what seed noise allows: a mean over targets.

    Attributes:
        sizes: int[k], numbers of masks that were fitted on.
        shares: float[k], R2 / ceiling at these, on masks that were not.
        level: a, of the fitted power.
        slope: b.
        scatter: Standard error of its level, by the points' logs about it.
        measured: Masks at hand.
        ceiling: Largest R2 that seed noise allows on held-out masks, a mean over targets; 1 where not known.
    """

    sizes: tuple[int, ...]
    shares: tuple[float, ...]
    level: float
    slope: float
    scatter: float
    measured: int
    ceiling: float

    def expected(self, masks: int) -> tuple[float, float, float]:
        """R2 to expect of so many masks on held-out ones, with its 90% interval.

        Args:
            masks: Any number.

        Returns:
            (R2, low, high).
        """
        middle = self.level - self.slope * np.log(masks)
        doublings = max(float(np.log2(masks / self.measured)), 0.0)
        spread = _Z * float(np.linalg.norm([self.scatter, AT_HAND, A_DOUBLING * doublings]))
        logs = np.array([middle, middle + spread, middle - spread])
        errors = np.minimum(np.exp(logs), _MOST_ERROR)
        value, low, high = (self.ceiling * (1 - errors)).tolist()
        return value, low, high


def learning_curve(
    values: NDArray[np.float64],
    fit: Fit,
    *,
    seed: int = 0,
    repeats: int = 2,
    ceilings: Sequence[float | None] | None = None,
    single_ceilings: Sequence[float | None] | None = None,
) -> LearningCurve | None:
    """The learning curve of a decoder on the masks at hand.

    Args:
        values: float64[m, t], one value a mask.
        fit: Decodes some rows and predicts others.
        seed: Of the parts.
        repeats: Parts of each size.
        ceilings: Largest R2 on held-out masks, of each target.
        single_ceilings: Largest R2 on values like these, of each target.

    Returns:
        The curve; None with fewer than 16 masks, or where no part says anything.
    """
    count, n_targets = values.shape
    if count < _LEAST_MASKS:
        return None
    limits = np.array([limit or 1.0 for limit in (single_ceilings or [1.0] * n_targets)])
    rng = np.random.default_rng(seed)
    points: list[tuple[int, float]] = []
    for share in SHARES:
        size = round(share * count)
        for _ in range(repeats):
            order = rng.permutation(count)
            inside, outside = np.sort(order[:size]), np.sort(order[size:])
            found = _share_explained(values[inside], values[outside], fit(inside)(outside), limits)
            if found is not None:
                points.append((size, found))
    if len(points) < len(SHARES):
        return None
    known = [limit for limit in (ceilings or []) if limit is not None]
    return _fitted(points, count, float(np.mean(known)) if known else 1.0)


def _share_explained(
    seen: NDArray[np.float64],
    actual: NDArray[np.float64],
    guess: NDArray[np.float64],
    limits: NDArray[np.float64],
) -> float | None:
    """Mean over targets of R2 / limit, against the mean of the rows fitted on; None where none varies."""
    base = ((actual - seen.mean(axis=0)) ** 2).mean(axis=0)
    varies = base > 1e-12 * (np.abs(actual).max(axis=0) ** 2 + 1e-300)
    if not varies.any():
        return None
    scores = 1 - ((actual - guess.reshape(actual.shape)) ** 2).mean(axis=0)[varies] / base[varies]
    return float(np.minimum(scores / limits[varies], 1.0).mean())


def _fitted(points: Sequence[tuple[int, float]], measured: int, ceiling: float) -> LearningCurve:
    sizes, shares = np.array([size for size, _ in points]), np.array([share for _, share in points])
    x, y = np.log(sizes), np.log(np.clip(1 - shares, _LEAST_ERROR, _MOST_ERROR))
    slope = float(np.clip(-np.polyfit(x, y, 1)[0], 0.0, _MOST_SLOPE))
    level = float((y + slope * x).mean())
    scatter = float(np.sqrt(((y - level + slope * x) ** 2).sum() / (len(y) - 2) / len(y)))
    each = sorted(set(sizes.tolist()))
    means = [float(shares[sizes == size].mean()) for size in each]
    return LearningCurve(tuple(each), tuple(means), level, slope, scatter, measured, ceiling)
