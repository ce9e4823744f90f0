"""Mean discrete derivatives of any sets, with errors that know what the fit shrank and what it left out.

The law of the masks is known, so what a fit g misses of a mean discrete derivative can be estimated from the
residuals of rows that had no say in g, whatever g is:

    I(S) = I_g(S) + E[w_S (f - g)],

with the weights w_S of `sampling`. Here g is the fit without each fold in turn, and the second term is
E[w_S^2] b, with b the slope of the residuals on w_S. This is the estimator of double machine learning with a
known propensity (Chernozhukov et al. 2018; Robins, Rotnitzky and Zhao 1994), a slope instead of a mean
because the masks at hand do not have E[w_S^2] exactly. Its error is that of the slope, HC3 with the degrees
of freedom of Satterthwaite (MacKinnon and White 1985; Imbens and Kolesar 2016): it holds for sets that were
chosen without a look at the values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr, stdtrit

from spex_data.decoding.uncertainty.crossfit import FoldFits, combined
from spex_data.decoding.uncertainty.sampling import Sample
from spex_data.spectra import FourierExpansion, Term

_ROUNDING = 1e-12
"""Standard errors are at least this share of the values' spread."""
_BLOCK_NUMBERS = 4_000_000


@dataclass(frozen=True, eq=False)
class Estimates:
    """Estimates of k numbers.

    Attributes:
        values: float64[k].
        errors: float64[k], standard errors; inf where the masks say nothing.
        freedom: float64[k], degrees of freedom of these errors.
        common: float64[k], standard errors if all rows had the same error variance.
    """

    values: NDArray[np.float64]
    errors: NDArray[np.float64]
    freedom: NDArray[np.float64]
    common: NDArray[np.float64]

    def half_widths(self, level: float) -> NDArray[np.float64]:
        """float64[k], half of the intervals that cover with probability `level`."""
        return np.asarray(stdtrit(self.freedom, 0.5 + level / 2) * self.errors)

    @property
    def statistics(self) -> NDArray[np.float64]:
        """float64[k], sizes over the larger of both errors, as standard normal quantiles of their p-values.

        0 where the masks say nothing.
        """
        tails = stdtr(self.freedom, -np.abs(self.values) / self.larger)
        return np.asarray(-ndtri(np.maximum(tails, 1e-300)))

    @property
    def larger(self) -> NDArray[np.float64]:
        """float64[k], the larger of both errors."""
        return np.maximum(self.errors, self.common)


@dataclass(frozen=True, eq=False)
class CrossFit:
    """What is needed to estimate the mean discrete derivative of any set, for one target.

    Attributes:
        sample: The masks, and what each counts.
        fit: Mean of the fits without each fold, by what the folds count.
        residuals: float64[m], values less what the fit without the row says.
        noise: float64[m], error variance that each row would have among all masks there are, where repeated
            masks tell the noise of values; None where they do not. It makes intervals narrower where the
            masks are a good part of all.
        spread: Standard deviation of the values.
    """

    sample: Sample
    fit: FourierExpansion
    residuals: NDArray[np.float64]
    noise: NDArray[np.float64] | None
    spread: float

    @cached_property
    def square(self) -> float:
        """Mean square of the residuals."""
        return float(self.sample.shares @ self.residuals**2) + (_ROUNDING * self.spread) ** 2

    @cached_property
    def row_variances(self) -> NDArray[np.float64]:
        """float64[m], error variance of each row if all residuals had the same."""
        alike = np.full(len(self.residuals), self.square)
        return alike if self.noise is None else alike + self.sample.inclusion * (self.noise - alike)

    def estimates(self, terms: Sequence[Term]) -> Estimates:
        """The mean discrete derivative of each of k sets, () not among them.

        Where no mask shows one of the 2^|S| ways to set S, its error is inf.
        """
        if not terms:
            return Estimates(*(np.zeros(0) for _ in range(4)))
        block = max(1, _BLOCK_NUMBERS // len(self.residuals))
        parts = [self._estimates(terms[start : start + block]) for start in range(0, len(terms), block)]
        return Estimates(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def superset_sum(self, members: Term, weights: Sequence[float]) -> Estimates:
        """The sum over U containing S of weights[|U| - |S|] I(U), as one estimate.

        Its weight of a mask is w_S times the sum of weights[j] e_j, with e_j the elementary symmetric
        polynomials of the other groups' weights. For Bernoulli masks only.

        Args:
            members: S.
            weights: For supersets with 0, 1, ... more groups; larger ones have none.
        """
        factors, size, top = self.sample.factors, len(members), len(members) + len(weights) - 1
        if factors is None:
            raise ValueError("weights of stratified masks are no products")
        others = np.delete(factors, members, axis=1)
        polynomials = np.zeros((len(weights), len(factors)))
        polynomials[0] = 1.0
        for column in others.T:
            for degree in range(len(weights) - 1, 0, -1):
                polynomials[degree] += column * polynomials[degree - 1]
        inner = frozenset(members)
        value = sum(
            weights[len(term) - size] * found
            for term, found in self.fitted(top).items()
            if inner.issubset(term)
        )
        energy = sum(
            weight**2 * comb(others.shape[1], more) * self.sample.energy(size + more)
            for more, weight in enumerate(weights)
        )
        mine = np.prod(factors[:, list(members)], axis=1) * (np.asarray(weights) @ polynomials)
        return self.functional(float(value), mine, float(energy))

    def functional(self, value: float, weights: NDArray[np.float64], energy: float) -> Estimates:
        """A linear functional of f, E[w f], as one estimate.

        Args:
            value: The functional of `fit`.
            weights: float64[m], w of each mask.
            energy: E[w^2] under the law.
        """
        return Estimates(*self._corrected(np.array([value]), weights[:, None], np.array([energy])))

    def _estimates(self, terms: Sequence[Term]) -> tuple[NDArray[np.float64], ...]:
        derivatives = self.fitted(max(map(len, terms)))
        fitted = np.array([derivatives.get(term, 0.0) for term in terms], dtype=np.float64)
        energies = np.array([self.sample.energy(len(term)) for term in terms])
        values, errors, freedom, common = self._corrected(fitted, self.sample.weights(terms), energies)
        return values, np.where(_shown(self.sample.masks, terms), errors, np.inf), freedom, common

    def _corrected(
        self, fitted: NDArray[np.float64], weights: NDArray[np.float64], energies: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], ...]:
        shares = self.sample.shares
        squares = weights**2
        total = np.maximum(shares @ squares, 1e-300)
        slopes = ((shares * self.residuals) @ weights) / total
        left = self.residuals[:, None] - slopes * weights
        left /= np.maximum(1.0 - shares[:, None] * squares / total, 0.05)
        variance = left**2 + (_ROUNDING * self.spread) ** 2
        if self.noise is not None:
            variance += self.sample.inclusion[:, None] * (self.noise[:, None] - variance)
        errors = np.sqrt((shares**2) @ (squares * variance)) / total
        common = np.sqrt((shares**2 * self.row_variances) @ squares) / total
        concentration = (shares**2) @ squares**2 / total**2
        freedom = np.maximum(1.0 / np.maximum(concentration, 1e-300) - 1.0, 1.0)
        freedom = np.minimum(freedom, 1e6)
        return fitted + energies * slopes, energies * errors, freedom, energies * common

    def fitted(self, max_order: int) -> dict[Term, float]:
        """The mean discrete derivatives of `fit`, of all sets up to an order that it has."""
        return self._derivatives.get(max_order) or self._derivatives.setdefault(
            max_order,
            {
                term: float(value)
                for term, value in self.fit.discrete_derivatives(
                    self.sample.distribution.parity_moment, max_order=max_order
                ).items()
            },
        )

    @cached_property
    def _derivatives(self) -> dict[int, dict[Term, float]]:
        return {}


def cross_fit(
    sample: Sample, values: NDArray[np.float64], folds: FoldFits, noise: NDArray[np.float64] | None = None
) -> CrossFit:
    """What `folds` and the rows that they have not seen say together.

    Args:
        sample: The masks.
        values: float64[m].
        folds: Fits without each fold.
        noise: float64[m], noise variance of each value, if known.
    """
    parts = [
        (float(sample.shares[folds.fold_of == fold].sum()), expansion)
        for fold, expansion in enumerate(folds.expansions)
    ]
    fit, predicted = combined(parts), folds.predict(sample.masks)
    if noise is not None:
        # a mean over all masks has no error but noise, and what the folds' fits differ by
        noise = noise + (predicted - fit.evaluate(sample.masks)) ** 2
    return CrossFit(sample, fit, values - predicted, noise, float(values.std()))


def _shown(masks: NDArray[np.bool_], terms: Sequence[Term]) -> NDArray[np.bool_]:
    """bool[k]: whether each way to have some of a set's groups and not the others is among the masks."""
    shown = np.ones(len(terms), dtype=np.bool_)
    for size in {len(term) for term in terms}:
        places = [place for place, term in enumerate(terms) if len(term) == size]
        members = np.array([terms[place] for place in places], dtype=np.int64)
        for corner in product((False, True), repeat=size):
            here = np.ones((len(masks), len(places)), dtype=np.bool_)
            for column, present in enumerate(corner):
                here &= masks[:, members[:, column]] == present
            shown[places] &= here.any(axis=0)
    return shown
