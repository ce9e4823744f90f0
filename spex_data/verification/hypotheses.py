"""What is to be tested by retraining: the claims of a decoder, and sets of which it claims nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, zip_longest
from math import inf
from typing import Literal, Protocol

from spex_data.spectra import Term

LARGEST = 4
"""Groups of a set that is tested: 2^4 corners a background."""

Role = Literal["claim", "null", "phantom"]


class Listed(Protocol):
    """An interaction as a decoder lists it."""

    @property
    def members(self) -> Term:
        """The groups, sorted."""
        ...

    @property
    def value(self) -> float:
        """Mean discrete derivative under the study's masks."""
        ...

    @property
    def ci(self) -> tuple[float, float] | None:
        """Its interval."""
        ...

    @property
    def reported(self) -> bool | None:
        """Whether it is reported; None where nothing was tested."""
        ...


@dataclass(frozen=True)
class Hypothesis:
    """A set of groups and what is predicted of it for one target.

    Attributes:
        target: Number of the target.
        members: The groups, sorted. The number n stands for a phantom group of a study of n groups: nothing
            is trained on for it, only the seed is another.
        role: "claim": reported by the decoder, or a user's own; "null": predicted to do nothing; "phantom":
            can do nothing.
        predicted: Mean discrete derivative under the study's masks, in units of the values.
        ci: Its interval as the decoder gives it; None where unknown.
        full: The same where all other groups are present, predicted.
    """

    target: int
    members: Term
    role: Role
    predicted: float
    ci: tuple[float, float] | None = None
    full: float | None = None

    @property
    def order(self) -> int:
        """Number of groups."""
        return len(self.members)


def claimed(listed: Sequence[Sequence[Listed]], *, top: int) -> list[tuple[int, Listed]]:
    """What a decoder claims, the most important first: every target's first, then every target's second, ...

    Within each of these rounds the surest comes first, by its size over the width of its interval: where
    fine-tunes do not suffice for all, they go to what they can decide, whatever the order of the targets.

    A claim is one of the `top` largest interactions of 2 to 4 groups of its target that the decoder reports;
    where it tested nothing, one whose interval does not hold 0.

    Args:
        listed: One list a target, in any order.
        top: Claims of a target.

    Returns:
        (target, interaction).
    """
    chosen = []
    for target, each in enumerate(listed):
        together = sorted((one for one in each if _is_claim(one)), key=lambda one: -abs(one.value))
        chosen.append([(target, one) for one in together[:top]])
    rounds = ([pair for pair in one_round if pair is not None] for one_round in zip_longest(*chosen))
    return [pair for one_round in rounds for pair in sorted(one_round, key=lambda pair: -_sureness(pair[1]))]


def null_hypotheses(
    listed: Sequence[Sequence[Listed]], sets: Iterable[Term], *, n_groups: int
) -> list[Hypothesis]:
    """Of each target the sets that are measured and predicted to do nothing: the check on the check.

    Args:
        listed: One list a target; a set that is not listed is predicted to do nothing, and so is one that was
            tested, not reported, and has an interval that holds 0.
        sets: What is measured.
        n_groups: Number of groups; that number itself is the phantom.
    """
    found = []
    for target, each in enumerate(listed):
        told = {one.members: one for one in each}
        for members in sets:
            one = told.get(members)
            if members[-1] >= n_groups:
                found.append(Hypothesis(target, members, "phantom", 0.0))
            elif one is None or (not one.reported and _holds_zero(one.ci)):
                found.append(Hypothesis(target, members, "null", one.value if one else 0.0))
    return found


def free_pairs(sets: Iterable[Term]) -> list[Term]:
    """Pairs of groups that are in sets and not together in one: one more mask a background tests each."""
    together = [frozenset(each) for each in sets]
    groups = sorted(frozenset().union(*together)) if together else []
    return [pair for pair in combinations(groups, 2) if not any(each.issuperset(pair) for each in together)]


def _is_claim(one: Listed) -> bool:
    if not 2 <= len(one.members) <= LARGEST or one.value == 0:
        return False
    return one.reported if one.reported is not None else not _holds_zero(one.ci)


def _sureness(one: Listed) -> float:
    """Size over the width of the interval, which has no unit; 0 where there is no interval."""
    if one.ci is None:
        return 0.0
    width = one.ci[1] - one.ci[0]
    return abs(one.value) / width if width > 0 else inf


def _holds_zero(ci: tuple[float, float] | None) -> bool:
    return ci is None or ci[0] <= 0 <= ci[1]
