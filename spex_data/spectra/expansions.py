"""Set functions as sparse sums of terms: the Fourier and the Moebius expansion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spex_data.spectra.superset_sums import MAX_TERMS, superset_sums
from spex_data.spectra.terms import Term, canonical, checked_terms, from_mapping, weighted_products

ParityMoment = Callable[[int], float]
"""|U| -> the mean of chi_U over backgrounds, such as MaskDistribution.parity_moment."""


@dataclass(frozen=True, eq=False)
class FourierExpansion:
    """f(m) = sum of F(S) chi_S(m), with chi_S(m) = (-1)^(number of groups of S that are present in m).

    Attributes:
        n_groups: Number of groups n.
        terms: k sets S, each sorted, no two alike; () is the constant.
        coefficients: float64[k], or float64[k, t] for t targets, F(S) in units of f.
    """

    n_groups: int
    terms: tuple[Term, ...]
    coefficients: NDArray[np.float64]

    def __post_init__(self) -> None:
        checked_terms(self.n_groups, self.terms, self.coefficients)

    @classmethod
    def from_mapping(
        cls, n_groups: int, mapping: Mapping[Term, float | NDArray[np.float64]]
    ) -> FourierExpansion:
        """The expansion of a mapping from sets to coefficients; equal sets are added up."""
        return cls(n_groups, *from_mapping(mapping))

    def evaluate(self, masks: ArrayLike) -> NDArray[np.float64]:
        """The value of each mask.

        Args:
            masks: bool[m, n_groups].

        Returns:
            float64[m], or float64[m, t].
        """
        signs = 1.0 - 2.0 * np.asarray(masks, dtype=np.float64)
        return weighted_products(signs, self.terms, self.coefficients)

    def coefficient(self, members: Iterable[int]) -> float | NDArray[np.float64]:
        """F(S); 0 where the expansion has no such term."""
        return _look_up(self._places, self.coefficients, members)

    def discrete_derivative(
        self, members: Iterable[int], parity_moment: ParityMoment
    ) -> float | NDArray[np.float64]:
        """The mean of D_S f(m) = sum over R within S of (-1)^(|S|-|R|) f(m with S set to R).

        E[D_S f] = (-2)^|S| sum over T containing S of F(T) E[chi_{T without S}].

        Args:
            members: S.
            parity_moment: |U| -> E[chi_U(m)]; for a study's own backgrounds MaskDistribution.parity_moment,
                for the empty one `lambda order: 1.0` (the Moebius coefficient), for the full one
                `lambda order: (-1.0) ** order`.

        Returns:
            float, or float64[t].
        """
        inner = frozenset(canonical(members))
        size = len(inner)
        weights = np.array(
            [parity_moment(len(term) - size) if inner.issubset(term) else 0.0 for term in self.terms]
        )
        return _scalar((-2.0) ** size * (weights @ self.coefficients))

    def discrete_derivatives(
        self, parity_moment: ParityMoment, *, max_order: int | None = None, max_terms: int = MAX_TERMS
    ) -> dict[Term, float | NDArray[np.float64]]:
        """`discrete_derivative` of every set within a term, up to a size.

        Args:
            parity_moment: As for `discrete_derivative`.
            max_order: Largest set; None for all.
            max_terms: Subsets of terms beyond which this is refused.

        Returns:
            set -> float or float64[t]; every set that is not listed has 0.

        Raises:
            DecodingError: More subsets than `max_terms`.
        """
        sets, sums = superset_sums(
            self.terms,
            self.coefficients,
            lambda size, order: (-2.0) ** size * parity_moment(order - size),
            max_order=max_order,
            max_terms=max_terms,
        )
        return {members: _scalar(value) for members, value in zip(sets, sums, strict=True)}

    def to_moebius(self, *, max_order: int | None = None, max_terms: int = MAX_TERMS) -> MoebiusExpansion:
        """mu(S) = (-2)^|S| sum over T containing S of F(T), exactly.

        Args:
            max_order: Largest S wanted; the expansion is that of f only if this is None.
            max_terms: Subsets of terms beyond which the conversion is refused: a term of order k has 2^k.

        Raises:
            DecodingError: More subsets than `max_terms`.
        """
        terms, sums = superset_sums(
            self.terms,
            self.coefficients,
            lambda size, _order: (-2.0) ** size,
            max_order=max_order,
            max_terms=max_terms,
        )
        return MoebiusExpansion(self.n_groups, terms, sums)

    @cached_property
    def _places(self) -> dict[Term, int]:
        return {term: place for place, term in enumerate(self.terms)}


@dataclass(frozen=True, eq=False)
class MoebiusExpansion:
    """f(m) = sum of mu(S) over the sets S whose groups are all present in m.

    Attributes:
        n_groups: Number of groups n.
        terms: k sets S, each sorted, no two alike; () is the value of the empty mask.
        coefficients: float64[k], or float64[k, t] for t targets, mu(S) in units of f.
    """

    n_groups: int
    terms: tuple[Term, ...]
    coefficients: NDArray[np.float64]

    def __post_init__(self) -> None:
        checked_terms(self.n_groups, self.terms, self.coefficients)

    @classmethod
    def from_mapping(
        cls, n_groups: int, mapping: Mapping[Term, float | NDArray[np.float64]]
    ) -> MoebiusExpansion:
        """The expansion of a mapping from sets to coefficients; equal sets are added up."""
        return cls(n_groups, *from_mapping(mapping))

    def evaluate(self, masks: ArrayLike) -> NDArray[np.float64]:
        """The value of each mask.

        Args:
            masks: bool[m, n_groups].

        Returns:
            float64[m], or float64[m, t].
        """
        return weighted_products(np.asarray(masks, dtype=np.float64), self.terms, self.coefficients)

    def coefficient(self, members: Iterable[int]) -> float | NDArray[np.float64]:
        """mu(S); 0 where the expansion has no such term."""
        return _look_up(self._places, self.coefficients, members)

    def to_fourier(self, *, max_order: int | None = None, max_terms: int = MAX_TERMS) -> FourierExpansion:
        """F(S) = (-1)^|S| sum over T containing S of mu(T) / 2^|T|, exactly.

        Args:
            max_order: Largest S wanted; the expansion is that of f only if this is None.
            max_terms: Subsets of terms beyond which the conversion is refused.

        Raises:
            DecodingError: More subsets than `max_terms`.
        """
        terms, sums = superset_sums(
            self.terms,
            self.coefficients,
            lambda size, order: (-1.0) ** size * 0.5**order,
            max_order=max_order,
            max_terms=max_terms,
        )
        return FourierExpansion(self.n_groups, terms, sums)

    @cached_property
    def _places(self) -> dict[Term, int]:
        return {term: place for place, term in enumerate(self.terms)}


def _look_up(
    places: Mapping[Term, int], coefficients: NDArray[np.float64], members: Iterable[int]
) -> float | NDArray[np.float64]:
    place = places.get(canonical(members))
    return _scalar(np.zeros(coefficients.shape[1:]) if place is None else coefficients[place])


def _scalar(value: NDArray[np.float64]) -> float | NDArray[np.float64]:
    return float(value) if np.ndim(value) == 0 else value
