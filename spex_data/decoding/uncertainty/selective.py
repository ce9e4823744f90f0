"""Estimates and intervals of what was reported because it was large.

A set is reported where |x| >= c, with x its estimate and c the threshold. Given that, x is no longer normal
about its mean but normal truncated to |x| >= c, and what passed c narrowly did so mostly by luck. Intervals
and medians are those of the truncated law, so they cover at their level AMONG WHAT WAS REPORTED (Weinstein,
Fithian and Benjamini 2013, "Selection adjusted confidence intervals with more power to determine the sign").
Far above the threshold they are the ordinary ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

_STEPS = 60


def truncated_quantiles(
    values: NDArray[np.float64], thresholds: NDArray[np.float64], errors: NDArray[np.float64], share: float
) -> NDArray[np.float64]:
    """The mean under which a value as high as this, given that it passed its threshold, has a chance `share`.

    Monotone in `share`: at 0.05 and 0.95 the ends of an interval of level 0.9, at 0.5 a median-unbiased
    estimate.

    Args:
        values: float64[k], each at least its threshold in size.
        thresholds: float64[k].
        errors: float64[k], standard deviations of the values.
        share: In (0, 1).

    Returns:
        float64[k].
    """
    sign = np.where(values < 0, -1.0, 1.0)
    cut = thresholds / errors
    size = np.maximum(np.abs(values) / errors, cut)
    aim = np.where(sign > 0, share, 1.0 - share)
    low, high = -cut - 12.0, size + 12.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        chance = log_ndtr(middle - size) - np.logaddexp(log_ndtr(middle - cut), log_ndtr(-middle - cut))
        below = chance < np.log(aim)
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(sign * (low + high) / 2 * errors)
