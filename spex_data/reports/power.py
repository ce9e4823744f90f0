"""What a study could have found: the size of the smallest pair that would not have been missed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist, median
from typing import Any

from spex_data.reports.labels import signed
from spex_data.reports.results import TargetResult

CHANCE = 0.8
"""With which a pair of that size is found."""
_LEVEL, _FDR, _FEWEST = 0.9, 0.1, 3
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Power:
    """The smallest pair that a study finds with chance `CHANCE`.

    Attributes:
        size: Of its mean effect, in the target's unit.
        source: "intervals" of the pairs that were listed, or "residuals" of held-out masks.
    """

    size: float
    source: str


def power(
    result: TargetResult, said: Mapping[str, Any] | None, *, n_groups: int, p: float = 0.5, fdr: float = _FDR
) -> Power | None:
    """The size of pair that would have been found, None if neither intervals nor residuals are known.

    size = (z(1 - fdr / 2m) + z(CHANCE)) se with m = n (n - 1) / 2 pairs that could have been: the first
    discovery of Benjamini and Hochberg's procedure. se is the median of the listed pairs' half intervals over
    z(.95); without those, s / (p (1 - p) sqrt(M)), s^2 = what one fine-tune's value varies by beyond what the
    expansion explains of held-out masks.

    Args:
        result: The target.
        said: Its entry of faithfulness.json.
        n_groups: n.
        p: Share of masks that a group is in.
        fdr: False discovery rate of the reported list.
    """
    pairs = max(n_groups * (n_groups - 1) // 2, 1)
    z = _NORMAL.inv_cdf(1 - fdr / (2 * pairs)) + _NORMAL.inv_cdf(CHANCE)
    halves = [(one.ci[1] - one.ci[0]) / 2 for one in result.interactions if one.order == 2 and one.ci]
    if len(halves) >= _FEWEST:
        return Power(z * median(halves) / _NORMAL.inv_cdf((1 + _LEVEL) / 2), "intervals")
    spread = _spread(result, said)
    if spread is None or not result.n_masks:
        return None
    return Power(z * spread / (p * (1 - p) * math.sqrt(result.n_masks)), "residuals")


def power_words(found: Power | None, unit: str) -> str:
    """What was found out about what could have been found, in a sentence.

    Args:
        found: The smallest size.
        unit: What values are in, in words.
    """
    if found is None:
        return (
            "How large an interaction would have been found is unknown: it needs intervals, or "
            "held-out masks of several seeds."
        )
    size = signed(found.size)[1:]
    return (
        f"A pair of {size} or more ({unit}; in either direction) would have been found about four times in "
        "five; a smaller one may be there. More masks find smaller ones: four times as many, half the size."
    )


def _spread(result: TargetResult, said: Mapping[str, Any] | None) -> float | None:
    ceiling = (said or {}).get("noise_ceiling") or {}
    signal, seeds, count = (ceiling.get(key) for key in ("signal_variance", "seed_variance", "n_seeds"))
    if result.r2 is None or signal is None or seeds is None or not count:
        return None
    unexplained = max(1 - result.r2, 0.0) * (signal + seeds / count)
    return math.sqrt(unexplained + seeds * (1 - 1 / count))
