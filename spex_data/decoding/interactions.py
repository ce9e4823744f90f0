"""From what was fitted to a ranked list of interactions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding.support import Support
from spex_data.spectra import (
    FourierExpansion,
    PairKind,
    ParityMoment,
    Term,
    corner_means,
    pair_kind,
    superset_matrix,
)

_LISTED = 1000
"""Interactions of two and more groups that are listed of what predicts, at most."""
_NEGLIGIBLE = 1e-9
"""Values below this share of the largest are rounding, and are not listed."""


@dataclass(frozen=True)
class Interaction:
    """A set of groups and what it does together.

    Attributes:
        members: The groups, sorted; one of them alone is a main effect.
        value: Mean discrete derivative over backgrounds drawn like the study's masks, in units of the values
            (the Banzhaf interaction index at p = 1/2).
        ci: Interval of `value`, (low, high); None where unknown. See Decoded.interactions for what it covers.
        moebius: The discrete derivative at the empty background.
        full: The discrete derivative at the full background, where all other groups are present.
        kind: For pairs, what they do (spex_data.spectra.pair_kind), read off the estimates; None otherwise.
        q: The least false discovery rate at which the set is reported; None where that was not
            asked for or could not be tested.
        reported: Whether it is, at the rate asked for; None like `q`.
    """

    members: Term
    value: float
    ci: tuple[float, float] | None
    moebius: float
    full: float
    kind: PairKind | None
    q: float | None = None
    reported: bool | None = None

    @property
    def order(self) -> int:
        """Number of groups."""
        return len(self.members)


def ranked_interactions(
    support: Support,
    masks: NDArray[np.bool_],
    parity_moment: ParityMoment,
    *,
    max_order: int,
    level: float,
) -> list[Interaction]:
    """Interactions of every set within a term, by descending absolute value.

    Args:
        support: The fit.
        masks: bool[m, n_groups] that it was fitted on.
        parity_moment: Of the backgrounds.
        max_order: Largest set.
        level: Coverage that intervals are made for.
    """
    expansion, basis = support.expansion, support.basis
    sets, weights = superset_matrix(
        support.terms,
        lambda size, order: basis.mean_derivative(size, order, parity_moment) if size else 0.0,
        max_order=max_order,
    )
    halves = support.half_widths(masks, weights, level)
    values = (weights @ support.coefficients).tolist()
    ranges = [
        None if half is None else (value - half, value + half)
        for value, half in zip(values, halves, strict=True)
    ]
    return described(sets, values, ranges, expansion, parity_moment)


def predicted_interactions(
    expansion: FourierExpansion, parity_moment: ParityMoment, *, max_order: int
) -> list[Interaction]:
    """Every single group and the largest other interactions of what predicts, without intervals.

    Args:
        expansion: Of one target.
        parity_moment: Of the backgrounds.
        max_order: Largest set.
    """
    found = expansion.discrete_derivatives(parity_moment, max_order=max_order)
    largest = sorted(
        ((members, float(value)) for members, value in found.items() if members),
        key=lambda each: (len(each[0]) > 1, -abs(each[1]), each[0]),
    )
    n_singles = sum(len(members) == 1 for members, _ in largest)
    kept = largest[: n_singles + _LISTED]
    sets, values = [members for members, _ in kept], [value for _, value in kept]
    return described(sets, values, [None] * len(kept), expansion, parity_moment)


def described(
    sets: Sequence[Term],
    values: Sequence[float],
    ranges: Sequence[tuple[float, float] | None],
    expansion: FourierExpansion,
    parity_moment: ParityMoment,
) -> list[Interaction]:
    """Sets with what an expansion says of them beside their values, by descending absolute value.

    Args:
        sets: Different sets of groups; () and those that do next to nothing are left out.
        values: One a set.
        ranges: Interval of each value.
        expansion: Of one target.
        parity_moment: Of the backgrounds.
    """
    top = max(map(len, sets), default=0)
    empty = expansion.discrete_derivatives(lambda _: 1.0, max_order=top)
    full = expansion.discrete_derivatives(lambda order: (-1.0) ** order, max_order=top)
    pairs = [members for members in sets if len(members) == 2]
    corners = corner_means(expansion, pairs, parity_moment)
    kinds: dict[Term, PairKind | None] = dict(zip(pairs, map(pair_kind, corners), strict=True))
    least = _NEGLIGIBLE * max(map(abs, values), default=0.0)
    listed = [
        Interaction(
            members,
            value,
            interval,
            float(empty.get(members, 0.0)),
            float(full.get(members, 0.0)),
            kinds.get(members),
        )
        for members, value, interval in zip(sets, values, ranges, strict=True)
        if members and abs(value) > least
    ]
    return sorted(listed, key=lambda found: (-abs(found.value), found.order, found.members))
