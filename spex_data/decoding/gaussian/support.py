"""Posterior means and variances of some coefficients of a Gaussian process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import cholesky, solve_triangular
from scipy.special import ndtri

from spex_data.decoding.basis import Basis
from spex_data.decoding.gaussian.evidence import CONSTANT
from spex_data.decoding.gaussian.kernel import Scales, kernel
from spex_data.spectra import FourierExpansion, Term, products, renamed


@dataclass(frozen=True, eq=False)
class GpSupport:
    """The largest coefficients of a Gaussian process, for one target.

    Attributes:
        n_groups: Number of groups.
        basis: What the terms are products in.
        terms: k sets, () not among them.
        intercept: Posterior mean of the coefficient of ().
        coefficients: float64[k], posterior means, in units of f.
        scales: Of the prior, for values of unit variance.
        noise: float64[q], noise variance of each row, for values of unit variance.
        unit: Standard deviation of the values.
        rows: int64[q], the masks it was fitted on.
    """

    n_groups: int
    basis: Basis
    terms: tuple[Term, ...]
    intercept: float
    coefficients: NDArray[np.float64]
    scales: Scales
    noise: NDArray[np.float64]
    unit: float
    rows: NDArray[np.int64]

    @cached_property
    def expansion(self) -> FourierExpansion:
        """These terms as a Fourier expansion."""
        coefficients = np.concatenate([[self.intercept], self.coefficients])
        return self.basis.to_fourier(self.n_groups, ((), *self.terms), coefficients)

    def rescaled(self, mean: float, scale: float) -> GpSupport:
        """The fit of scale * values + mean."""
        return replace(
            self,
            intercept=mean + scale * self.intercept,
            coefficients=scale * self.coefficients,
            unit=scale * self.unit,
        )

    def relabelled(self, n_groups: int, places: NDArray[np.int64]) -> GpSupport:
        """The fit with group i called places[i], in ascending order, among more groups."""
        rates = np.zeros(n_groups)
        rates[places] = self.scales.rates
        scales = replace(self.scales, rates=rates)
        return replace(self, n_groups=n_groups, terms=renamed(self.terms, places), scales=scales)

    def half_widths(
        self, masks: NDArray[np.bool_], weights: sparse.csr_array, level: float
    ) -> Sequence[float | None]:
        """z sqrt(a' V a) for each row a of the weights, with V the posterior covariance.

        V = D - D X' (K + noise)^-1 X D; D holds the prior variances, X the terms' columns.
        """
        factors = self.basis.factors(masks[self.rows])
        covariance = kernel(factors, factors, self.scales) + CONSTANT + np.diag(self.noise)
        lower = cholesky(covariance, lower=True, overwrite_a=True)
        prior = prior_variances(self.terms, self.scales)
        learnt = solve_triangular(lower, products(factors, self.terms) * prior, lower=True)
        before = (weights.multiply(weights) @ prior).reshape(-1)
        after = before - ((weights @ learnt.T) ** 2).sum(axis=1)
        halves = float(ndtri(0.5 + level / 2)) * self.unit * np.sqrt(np.maximum(after, 0.0))
        return list(halves.tolist())


def prior_variances(terms: Sequence[Term], scales: Scales) -> NDArray[np.float64]:
    """w_|S| prod of r_i (i in S), for each term S; () is not among them."""
    sizes = np.fromiter(map(len, terms), dtype=np.int64, count=len(terms))
    return scales.levels[sizes - 1] * products(scales.rates[None, :], terms)[0]
