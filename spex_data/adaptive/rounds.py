"""Rounds: how many masks are measured before it is looked at what they say."""

from __future__ import annotations

import math

LEAST_FIRST = 64
"""Masks of a first round where none is asked for: fewer are too few to choose or to judge by."""


def round_ends(n_groups: int, budget: int, *, first: int | None = None, growth: float = 1.5) -> list[int]:
    """Training masks in all at the end of each round.

    Args:
        n_groups: Number of groups n; a round has at least n + 2 masks in all.
        budget: Masks of the last round.
        first: Masks of the first round; None: 64, or 2 n where that is more.
        growth: How many times as many masks there are after the next round.

    Returns:
        Ascending; the last is `budget`. A last step of less than a third of the one before it is added to
        that one.
    """
    end = max(first if first is not None else max(LEAST_FIRST, 2 * n_groups), n_groups + 2)
    ends: list[int] = []
    while end < budget:
        ends.append(end)
        end = max(end + 1, math.ceil(end * growth))
    if len(ends) > 1 and 3 * (budget - ends[-1]) < ends[-1] - ends[-2]:
        ends.pop()
    return [*ends, budget]
