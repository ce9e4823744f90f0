"""The fit on chosen terms that interactions are listed from, which knows its own uncertainty."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import stdtrit

from spex_data.decoding.basis import PARITY, Basis, centred
from spex_data.decoding.ridge import RidgeFit, coefficient_spread, factorise, ridge
from spex_data.spectra import FourierExpansion, Term, renamed


class Support(Protocol):
    """A fit on chosen terms of a basis, for one target, that knows its own uncertainty."""

    @property
    def basis(self) -> Basis:
        """What the terms are products in."""
        ...

    @property
    def terms(self) -> tuple[Term, ...]:
        """k sets, () not among them."""
        ...

    @property
    def coefficients(self) -> NDArray[np.float64]:
        """float64[k], in the basis."""
        ...

    @property
    def expansion(self) -> FourierExpansion:
        """The fit as a Fourier expansion."""
        ...

    def rescaled(self, mean: float, scale: float) -> Support:
        """The fit of scale * values + mean."""
        ...

    def relabelled(self, n_groups: int, places: NDArray[np.int64]) -> Support:
        """The fit with group i called places[i], among more groups that have no effect."""
        ...

    def half_widths(
        self, masks: NDArray[np.bool_], weights: sparse.csr_array, level: float
    ) -> Sequence[float | None]:
        """Half the interval of each of `weights` [u, k] @ coefficients; None where unknown."""
        ...


@dataclass(frozen=True, eq=False)
class SupportFit:
    """A ridge regression on chosen terms, for one target.

    Attributes:
        n_groups: Number of groups.
        basis: What the terms are products in.
        terms: k sets, () not among them.
        intercept: Coefficient of ().
        coefficients: float64[k].
        penalty: Ridge penalty of all terms but the intercept.
        loo_residuals: float64[m], leave-one-out.
        freedom: Effective number of coefficients, the intercept included.
    """

    n_groups: int
    basis: Basis
    terms: tuple[Term, ...]
    intercept: float
    coefficients: NDArray[np.float64]
    penalty: float
    loo_residuals: NDArray[np.float64]
    freedom: float

    @cached_property
    def expansion(self) -> FourierExpansion:
        """The fit as a Fourier expansion."""
        coefficients = np.concatenate([[self.intercept], self.coefficients])
        return self.basis.to_fourier(self.n_groups, ((), *self.terms), coefficients)

    def rescaled(self, mean: float, scale: float) -> SupportFit:
        """The fit of scale * values + mean."""
        return replace(
            self,
            intercept=mean + scale * self.intercept,
            coefficients=scale * self.coefficients,
            loo_residuals=scale * self.loo_residuals,
        )

    def relabelled(self, n_groups: int, places: NDArray[np.int64]) -> SupportFit:
        """The fit with group i called places[i], in ascending order, among more groups."""
        return replace(self, n_groups=n_groups, terms=renamed(self.terms, places))

    def half_widths(
        self, masks: NDArray[np.bool_], weights: sparse.csr_array, level: float
    ) -> Sequence[float | None]:
        """t sqrt(a' V a) for each row a of the weights; unknown with less than one degree of freedom left."""
        spare = len(masks) - self.freedom
        if spare < 1:
            return [None] * weights.shape[0]
        factors = factorise(self.basis.columns(masks, self.terms))
        spread = coefficient_spread(factors, self.penalty, self.loo_residuals)
        deviations = np.sqrt(((weights @ spread) ** 2).sum(axis=1))
        return list((stdtrit(spare, 0.5 + level / 2) * deviations).tolist())


def support_fit(
    n_groups: int, terms: Sequence[Term], fit: RidgeFit, target: int, basis: Basis = PARITY
) -> SupportFit:
    """One target of a ridge regression on the products of `terms`, () not among them."""
    return SupportFit(
        n_groups,
        basis,
        tuple(terms),
        float(fit.intercept[target]),
        fit.coefficients[:, target],
        float(fit.penalty[target]),
        fit.loo_residuals[:, target],
        float(fit.freedom[target]),
    )


def centred_support(
    masks: NDArray[np.bool_], p: float, sets: Iterable[Term], values: NDArray[np.float64]
) -> SupportFit:
    """A ridge regression on the centred products of every single group and of some sets.

    Args:
        masks: bool[m, n_groups].
        p: How often groups are present.
        sets: In any order, not empty ones.
        values: float64[m].
    """
    n_groups = masks.shape[1]
    terms = sorted({(group,) for group in range(n_groups)}.union(sets), key=lambda term: (len(term), term))
    basis = centred(p)
    return support_fit(n_groups, terms, ridge(basis.columns(masks, terms), values[:, None]), 0, basis)


def singles_and_largest(
    terms: Sequence[Term], coefficients: NDArray[np.float64], n_groups: int, most: int
) -> list[Term]:
    """Every single group, and the largest of the other terms.

    Args:
        terms: k sets, the n_groups single groups first.
        coefficients: float64[k].
        n_groups: Number of groups.
        most: Other terms, at most.
    """
    largest = np.argsort(-np.abs(coefficients[n_groups:]), kind="stable")[:most]
    return [*terms[:n_groups], *(terms[n_groups + place] for place in np.sort(largest))]
