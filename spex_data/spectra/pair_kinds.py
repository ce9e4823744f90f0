"""What a pair of groups does together, in a word, from the four means at its corners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from spex_data.spectra.expansions import FourierExpansion, ParityMoment

PairKind = Literal["complementary", "redundant", "antidote", "interference", "redundant-harm"]
PAIR_KINDS: tuple[str, ...] = get_args(PairKind)


@dataclass(frozen=True)
class Corners:
    """Mean values of f with two groups set and the others drawn as the study draws them.

    Attributes:
        neither: f00, in units of f.
        first: f10, only the first group present.
        second: f01, only the second group present.
        both: f11.
    """

    neither: float
    first: float
    second: float
    both: float

    @property
    def interaction(self) -> float:
        """f11 - f10 - f01 + f00, the mean discrete derivative of the pair."""
        return self.both - self.first - self.second + self.neither


def corner_means(expansion: FourierExpansion, pair: tuple[int, int], parity_moment: ParityMoment) -> Corners:
    """The four corner means of a pair.

    f_ab = sum over T of F(T) (-1)^(a [i in T] + b [j in T]) E[chi_{T without i, j}].

    Args:
        expansion: Of one target.
        pair: (i, j).
        parity_moment: |U| -> E[chi_U] over the backgrounds.
    """
    totals = {(in_i, in_j): 0.0 for in_i in (0, 1) for in_j in (0, 1)}
    for term, coefficient in zip(expansion.terms, expansion.coefficients, strict=True):
        has = int(pair[0] in term), int(pair[1] in term)
        totals[has] += float(coefficient) * parity_moment(len(term) - sum(has))
    means = {
        (a, b): sum((-1) ** (a * has[0] + b * has[1]) * total for has, total in totals.items())
        for a in (0, 1)
        for b in (0, 1)
    }
    return Corners(means[0, 0], means[1, 0], means[0, 1], means[1, 1])


def pair_kind(corners: Corners) -> PairKind | None:
    """The kind of a pair.

    With a = f10 - f00 and b = f01 - f00 what each group does alone, c = f11 - f00 what both do, and
    I = c - a - b, a group *helps* alone if its effect is at least |I|/2, and *harms* alone if it is at most
    -|I|/2 (smaller effects are small beside the interaction, and do not name it).

    | I | alone | together | kind |
    |---|---|---|---|
    | < 0 | both help | c >= max(a, b)/2: one does for the other | redundant |
    | < 0 | both help | c < max(a, b)/2: they spoil each other | interference |
    | < 0 | otherwise | worse than the sum | interference |
    | > 0 | both harm | c <= min(a, b)/2: the harm is done once | redundant-harm |
    | > 0 | both harm | c > min(a, b)/2: each undoes the other's harm | antidote |
    | > 0 | one harms | the other undoes it | antidote |
    | > 0 | otherwise | better than the sum | complementary |

    Args:
        corners: The four means; they are taken as they are, without regard to their errors.

    Returns:
        The kind; None if I is 0.
    """
    a, b, c = (value - corners.neither for value in (corners.first, corners.second, corners.both))
    together = corners.interaction
    scale = max(abs(a), abs(b), abs(c))
    if abs(together) <= 1e-12 * scale or together == 0:
        return None
    least = abs(together) / 2 * (1 - 1e-9)  # an exact OR or XOR lies on the border; rounding must not decide
    if together < 0:
        both_help = min(a, b) >= least
        return "redundant" if both_help and c >= max(a, b) / 2 else "interference"
    if max(a, b) <= -least and c <= min(a, b) / 2:
        return "redundant-harm"
    return "antidote" if min(a, b) <= -least else "complementary"
