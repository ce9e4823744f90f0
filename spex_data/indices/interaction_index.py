"""Interaction indices of an expansion, from its terms alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spex_data.errors import DecodingError
from spex_data.indices.weights import KINDS, fourier_weight, moebius_weight
from spex_data.spectra import MAX_TERMS, FourierExpansion, MoebiusExpansion, Term, canonical, superset_sums

_VALUES = ("sv", "bv")


class HasExpansion(Protocol):
    """Anything that was decoded into a Fourier expansion."""

    @property
    def expansion(self) -> FourierExpansion:
        """The expansion."""
        ...


@dataclass(frozen=True, eq=False)
class InteractionIndex(Mapping[Term, "float | NDArray[np.float64]"]):
    """An index of the sets it is not zero for; `index[0, 3]` or `index.value((3, 0))`.

    Attributes:
        kind: One of KINDS.
        max_order: Largest set it was computed for, which some kinds depend on.
        values_by_set: set, sorted -> float, or float64[t] for t targets, in units of f.
    """

    kind: str
    max_order: int
    values_by_set: Mapping[Term, float | NDArray[np.float64]]

    def __getitem__(self, members: Term) -> float | NDArray[np.float64]:
        return self.values_by_set[members]

    def __iter__(self) -> Iterator[Term]:
        return iter(self.values_by_set)

    def __len__(self) -> int:
        return len(self.values_by_set)

    def value(self, members: Iterable[int]) -> float | NDArray[np.float64]:
        """The index of a set in any order; 0 where it is not listed."""
        return self.values_by_set.get(canonical(members), 0.0)


def interaction_index(
    found: HasExpansion | FourierExpansion | MoebiusExpansion,
    kind: str = "bii",
    max_order: int = 2,
    *,
    max_terms: int = MAX_TERMS,
) -> InteractionIndex:
    """An interaction index of a decoded set function, exactly that of its expansion.

    | kind | what it is | reference |
    |---|---|---|
    | fourier | coefficient of the parity of S | O'Donnell 2014 |
    | moebius | discrete derivative at the empty mask | Harsanyi 1963 |
    | sv, bv | Shapley and Banzhaf values, single groups alone | Shapley 1953; Banzhaf 1965 |
    | sii, bii | Shapley and Banzhaf interaction: mean discrete derivative | Grabisch and Roubens 1999 |
    | stii | Shapley-Taylor: what is above the order is shared among sets of that order | Sundararajan 2020 |
    | fsii, fbii | faithful Shapley and Banzhaf: best fit of that order | Tsai et al. 2023 |
    | k-sii | SII aggregated, so that sets up to the order add up to f | Bordt and von Luxburg 2023 |

    The empty set has the constant of the fit (fbii), the mean of f (fourier, bii), the mean over sizes
    (sii), and f(empty) otherwise; sv and bv leave it out. These are means over ALL masks, uniform (bv,
    bii, fbii) or uniform by size, whatever masks the study drew.

    Args:
        found: A decoder's result, or an expansion.
        kind: One of KINDS.
        max_order: Largest set; also the order that stii, fsii, fbii and k-sii depend on. sv and bv have
            order 1.
        max_terms: Subsets of terms beyond which this is refused.

    Returns:
        An InteractionIndex.

    Raises:
        DecodingError: An unknown kind, an order below 1, or more subsets than `max_terms`.
    """
    if kind not in KINDS:
        raise DecodingError(f"is {kind!r}", where="kind", instead=f"write one of {', '.join(KINDS)}")
    if max_order < 1:
        raise DecodingError(f"is {max_order}", where="max_order", instead="write 1 or more")
    order = 1 if kind in _VALUES else max_order
    expansion = found if isinstance(found, FourierExpansion | MoebiusExpansion) else found.expansion
    weight = moebius_weight if isinstance(expansion, MoebiusExpansion) else fourier_weight
    sets, sums = superset_sums(
        expansion.terms,
        expansion.coefficients,
        lambda s, t: float(weight(kind, s, t, order)),
        max_order=order,
        max_terms=max_terms,
    )
    values = {
        members: float(value) if value.ndim == 0 else value
        for members, value in zip(sets, sums, strict=True)
        if members or kind not in _VALUES
    }
    return InteractionIndex(kind, order, values)
