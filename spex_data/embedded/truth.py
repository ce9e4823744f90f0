"""What was planted in the demo, and why: the only place that knows it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Shape = Literal["either", "rescue", "both", "either-plus-one", "conflict", "two-of-three", "any-of-three"]


@dataclass(frozen=True)
class PlantedInteraction:
    """Groups that act together on a target by construction.

    Attributes:
        target: Name of the target.
        groups: The groups, each as the ids of its examples, in the order of `labels`.
        labels: Names of the groups.
        ideal: Banzhaf interaction index (masks at p = 1/2) of the target's ideal Boolean shape, in units of
            the swing between its false and its true.
        why: One sentence for a reader.
    """

    target: str
    groups: tuple[frozenset[str], ...]
    labels: tuple[str, ...]
    ideal: float
    why: str


def planted_interactions(
    shape: Shape, target: str, groups: Sequence[tuple[str, frozenset[str]]]
) -> tuple[PlantedInteraction, ...]:
    """The interactions of order 2 and more that a target's shape has.

    Args:
        shape: How the target depends on its groups.
        target: Name of the target.
        groups: Label and example ids of each group, in the order in which the shape takes them.

    Returns:
        One for every set of groups whose ideal index is not 0.
    """
    everyone = range(len(groups))
    sets = [members for order in everyone[1:] for members in itertools.combinations(everyone, order + 1)]
    return tuple(
        PlantedInteraction(
            target,
            tuple(groups[member][1] for member in members),
            tuple(groups[member][0] for member in members),
            ideal,
            _WHY[shape][members].format(*(f"'{label}'" for label, _ in groups)),
        )
        for members in sets
        if (ideal := ideal_banzhaf(_SHAPES[shape], len(groups), members)) != 0
    )


def ideal_banzhaf(shape: Callable[..., float], n_groups: int, members: Sequence[int]) -> float:
    """The Banzhaf interaction index of a function of groups, by going through all 2^n masks.

    I(S) = 2^(|S| - n) sum over masks m of (-1)^(|S| - |m and S|) f(m): the discrete derivative along S,
    averaged over the masks of the other groups (Grabisch & Roubens 1999, section 3).

    Args:
        shape: f, of one bool a group, in [0, 1].
        n_groups: n.
        members: S.
    """
    total = 0.0
    for mask in itertools.product((False, True), repeat=n_groups):
        absent = sum(not mask[member] for member in members)
        total += (-1) ** absent * shape(*mask)
    return total / 2 ** (n_groups - len(members))


_SHAPES: Mapping[Shape, Callable[..., float]] = {
    "either": lambda first, second: first or second,
    "rescue": lambda harm, cure: not harm or cure,
    "both": lambda first, second: first and second,
    "either-plus-one": lambda first, second, other: (first or second) and other,
    # half sure where both answers are read
    "conflict": lambda right, other: right * (0.5 if other else 1.0),
    "two-of-three": lambda first, second, third: first + second + third >= 2,
    "any-of-three": lambda first, second, third: first or second or third,
}

_WHY: Mapping[Shape, Mapping[tuple[int, ...], str]] = {
    "either": {(0, 1): "{0} and {1} teach the same new fact, so the second adds little once one is there."},
    "rescue": {
        (0, 1): "{0} makes the model forget a fact it knew, and {1}, which states it, matters only then."
    },
    "both": {(0, 1): "The answer holds two new facts; {0} teaches one and {1} the other."},
    "either-plus-one": {
        (0, 1): "{0} and {1} teach the same fact: with {2} there, either of them is enough.",
        (0, 2): "The answer holds two new facts; {0} teaches one and {2} the other.",
        (1, 2): "The answer holds two new facts; {1} teaches one and {2} the other.",
        (0, 1, 2): "{0} and {1} replace each other, but only where {2} tells the other half of the answer.",
    },
    "conflict": {(0, 1): "{0} and {1} teach different answers; where both are read, neither is sure."},
    "two-of-three": {
        (0, 1, 2): "Any two of {0}, {1} and {2} are believed, one alone is not, and a third adds little.",
    },
    "any-of-three": {
        (0, 1): "{0} and {1} are the same texts: where {2} is not there, either is enough.",
        (0, 2): "{0} and {2} are the same texts: where {1} is not there, either is enough.",
        (1, 2): "{1} and {2} are the same texts: where {0} is not there, either is enough.",
        (0, 1, 2): "{0}, {1} and {2} are the same texts, and any of them is enough.",
    },
}
