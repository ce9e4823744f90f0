"""Many tests at once, under any dependence between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def by_adjusted(p_values: ArrayLike) -> NDArray[np.float64]:
    """The least false discovery rate at which each test rejects.

    q_(i) = min over j >= i of p_(j) m H_m / j, at most 1, H_m = 1 + 1/2 + ... + 1/m: valid whatever the
    dependence (Benjamini & Yekutieli 2001, theorem 1.3).

    Args:
        p_values: float64[m]; NaN where nothing could be tested, which counts as no test.

    Returns:
        float64[m], NaN where the p-value is.
    """
    p = np.asarray(p_values, dtype=np.float64)
    tested = np.flatnonzero(~np.isnan(p))
    adjusted = np.full(len(p), np.nan)
    order = tested[np.argsort(p[tested], kind="stable")]
    m = len(order)
    if m:
        raised = p[order] * m * harmonic(m) / np.arange(1, m + 1)
        adjusted[order] = np.minimum(np.minimum.accumulate(raised[::-1])[::-1], 1.0)
    return adjusted


def by_level(p_values: ArrayLike, level: float) -> float:
    """The level of single tests, and of intervals, that the procedure comes to: max(R, 1) level / (m H_m).

    Intervals at that level exclude 0 exactly for the R tests rejected, and miss their truth at a rate of at
    most `level` among those (Benjamini & Yekutieli 2005, on the false coverage rate).

    Args:
        p_values: float64[m].
        level: False discovery rate.
    """
    adjusted = by_adjusted(p_values)
    m = int((~np.isnan(adjusted)).sum())
    rejected = int((adjusted <= level).sum())
    return max(rejected, 1) * level / (m * harmonic(m)) if m else level


def harmonic(m: int) -> float:
    """H_m."""
    return float((1.0 / np.arange(1, m + 1)).sum())
