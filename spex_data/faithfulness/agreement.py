"""Whether two measurements of the same masks and seeds agree: bit for bit, to rounding, or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SHARE_OF_SEED_SPREAD = 0.1
"""Of the standard deviation over training seeds: a larger difference is more than rounding, which training
amplifies and which other sizes of a pass, threads and processors bring."""
SHARE_OF_SPREAD = 1e-3
"""Of the standard deviation over masks, where no mask has several seeds."""

Verdict = Literal["bit for bit", "within tolerance", "not"]


@dataclass(frozen=True)
class Agreement:
    """How two measurements of one target compare.

    Attributes:
        target: Name of the target.
        verdict: "bit for bit", "within tolerance" or "not".
        n_values: Values that both have.
        equal: How many of them are equal to the last bit.
        largest: Largest absolute difference, in the target's unit; 0 without values.
        tolerance: What it may be.
    """

    target: str
    verdict: Verdict
    n_values: int
    equal: int
    largest: float
    tolerance: float


def agreement(
    targets: Sequence[str],
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    seed_sd: Sequence[float | None],
) -> list[Agreement]:
    """Compares two tables of values, row by row; a value that failed on both sides agrees.

    Args:
        targets: t names.
        before: float64[r, t], NaN where there is none.
        after: float64[r, t].
        seed_sd: Standard deviation over training seeds of each target; None if unknown.

    Returns:
        One a target. A value that is there on one side alone is no agreement.
    """
    return [
        _target(name, before[:, column], after[:, column], seed_sd[column])
        for column, name in enumerate(targets)
    ]


def overall(agreements: Sequence[Agreement]) -> Verdict:
    """The worst verdict of the targets; "not" of none at all."""
    verdicts = {one.verdict for one in agreements}
    if not verdicts or "not" in verdicts:
        return "not"
    return "within tolerance" if "within tolerance" in verdicts else "bit for bit"


def _target(
    name: str, before: NDArray[np.float64], after: NDArray[np.float64], seed_sd: float | None
) -> Agreement:
    both = ~np.isnan(before) & ~np.isnan(after)
    alone = bool((np.isnan(before) != np.isnan(after)).any())
    a, b = before[both], after[both]
    largest = float(np.abs(b - a).max(initial=0.0))
    equal = int((a == b).sum())
    spread = float(np.std(a)) if len(a) else 0.0
    tolerance = SHARE_OF_SPREAD * spread if not seed_sd else SHARE_OF_SEED_SPREAD * seed_sd
    verdict: Verdict = "not"
    if len(a) and not alone:
        verdict = "bit for bit" if equal == len(a) else "within tolerance" if largest <= tolerance else "not"
    return Agreement(name, verdict, len(a), equal, largest, tolerance)
