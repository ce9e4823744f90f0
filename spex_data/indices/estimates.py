"""Interaction indices with intervals, from the values themselves and not from an expansion alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import comb
from typing import Protocol, TypeVar

from spex_data.errors import DecodingError
from spex_data.indices.weights import KINDS, moebius_weight
from spex_data.masks import MaskDistribution
from spex_data.spectra import canonical

Found = TypeVar("Found", covariant=True)


class HasSupersetSums(Protocol[Found]):
    """A decoder's result that estimates sums over supersets."""

    @property
    def distribution(self) -> MaskDistribution:
        """What the masks were drawn from."""
        ...

    def superset_sum(self, members: Iterable[int], weights: Sequence[float], *, level: float) -> Found:
        """The sum over U containing S of weights[|U| - |S|] I(U)."""
        ...


def index_estimate(
    found: HasSupersetSums[Found],
    kind: str,
    members: Iterable[int],
    max_order: int = 2,
    *,
    highest: int = 3,
    level: float = 0.9,
) -> Found:
    """An interaction index of one set, estimated without the bias of a fit, with its interval.

    With I(U) the mean discrete derivatives under Bernoulli(p) masks, mu(T) is the sum of (-p)^|U without T|
    I(U) over U containing T (Taylor's expansion of the multilinear extension of f at p), so an index with
    Moebius weights w is the sum over U containing S of v(|S|, |U|) I(U),

        v(s, u) = sum over t = s..u of C(u - s, t - s) w(s, t) (-p)^(u - t).

    At p = 1/2 all v of `bii` but the first are 0. Other kinds add up many sets, and their intervals are wide.

    Args:
        found: A decoder's result.
        kind: One of KINDS.
        members: S, not empty.
        max_order: Order that stii, fsii, fbii and k-sii depend on.
        highest: Larger sets are taken to do nothing.
        level: Coverage of the interval.

    Returns:
        An Estimate, as `Decoded.estimate` gives.

    Raises:
        DecodingError: An unknown kind, or a set that is larger than `highest`.
    """
    if kind not in KINDS:
        raise DecodingError(f"is {kind!r}", where="kind", instead=f"write one of {', '.join(KINDS)}")
    term, p = canonical(members), found.distribution.p
    size = len(term)
    if size > highest:
        raise DecodingError(
            f"has {size} groups", where="members", instead=f"give at most {highest}, or a larger `highest`"
        )
    weights = [
        sum(
            comb(top - size, order - size)
            * float(moebius_weight(kind, size, order, max_order))
            * (-p) ** (top - order)
            for order in range(size, top + 1)
        )
        for top in range(size, highest + 1)
    ]
    return found.superset_sum(term, weights, level=level)
