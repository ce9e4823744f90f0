"""What a pair of groups does together, in a word, from the four means at its corners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from spex_data.spectra.expansions import FourierExpansion, ParityMoment
from spex_data.spectra.superset_sums import superset_sums
from spex_data.spectra.terms import Term

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


def corner_means(
    expansion: FourierExpansion, pairs: Sequence[Term], parity_moment: ParityMoment
) -> list[Corners]:
    """The four corner means of pairs of groups.

    f_ab = sum over R within {i, j} of (-1)^(a [i in R] + b [j in R]) c_R, with c_R the sum of F(T)
    E[chi_{T without R}] over the terms T that hold R and nothing else of the pair.

    Args:
        expansion: Of one target.
        pairs: Tuples (i, j).
        parity_moment: |U| -> E[chi_U] over the backgrounds.
    """
    # sums over supersets of R, each with the moment of T without k of its groups, k = |R| as in c_R or less
    sums = [_superset_sums(expansion, parity_moment, without) for without in range(3)]
    found = []
    for i, j in pairs:
        first, second, both = (i,), (j,), (min(i, j), max(i, j))
        c_both = sums[2].get(both, 0.0)
        c_first = sums[1].get(first, 0.0) - sums[1].get(both, 0.0)
        c_second = sums[1].get(second, 0.0) - sums[1].get(both, 0.0)
        c_none = sums[0].get((), 0.0) - sums[0].get(first, 0.0) - sums[0].get(second, 0.0)
        c_none += sums[0].get(both, 0.0)
        found.append(
            Corners(
                neither=c_none + c_first + c_second + c_both,
                first=c_none - c_first + c_second - c_both,
                second=c_none + c_first - c_second - c_both,
                both=c_none - c_first - c_second + c_both,
            )
        )
    return found


def _superset_sums(
    expansion: FourierExpansion, parity_moment: ParityMoment, without: int
) -> dict[Term, float]:
    """For sets of at most two groups, sums over terms T that contain them of F(T) E[chi of |T| - without]."""
    sets, sums = superset_sums(
        expansion.terms,
        expansion.coefficients,
        lambda size, order: parity_moment(order - without) if size >= without else 0.0,
        max_order=2,
    )
    return dict(zip(sets, sums.tolist(), strict=True))


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
