"""A Gaussian process whose kernel is a prior over the coefficients of every set up to an order.

Each set has a coefficient in the centred products of its groups, a priori normal with variance

    Var c(S) = w_|S| prod of r_i (i in S),

so sets of groups that matter are expected to matter. Rates r, levels w and the noise maximise the evidence of
the values under priors that hold the rates together (see gp_evidence); every coefficient then has a posterior
mean and variance in closed form, however few the masks. Where the residuals have heavy tails, each row gets
its own noise, (nu + e^2) / (nu + 1) times the common one with e its standardised residual: the EM steps of a
Student noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from spex_data.decoding.basis import Basis, centred
from spex_data.decoding.crossfit import FoldFits, kept_terms, largest_terms
from spex_data.decoding.folds import folds
from spex_data.decoding.gp_evidence import CONSTANT, Evidence, unpacked
from spex_data.decoding.gp_kernel import Scales, kernel
from spex_data.decoding.gp_support import GpSupport, prior_variances
from spex_data.decoding.problem import Problem
from spex_data.decoding.result import TargetFit
from spex_data.spectra import FourierExpansion, Term, products

_FOLDS = 5
_ITERATIONS, _WARM_ITERATIONS = 30, 6
_TUNED_ROWS = 600
"""Rows that the scales are chosen on; the evidence costs their number cubed."""
_SOLVED_ROWS = 4000
_MOST_TERMS = 50_000
_LISTED_TERMS = 600
_ORDERS = 4
"""Beyond it Newton's identities lose digits."""
_TAILS, _NU, _EM_STEPS = 6.0, 4.0, 4
"""Kurtosis of leave-one-out residuals beyond which noise is Student's, its degrees of freedom, EM steps."""


@dataclass(frozen=True)
class WalshGp:
    """Settings of the algorithm.

    Attributes:
        max_order: Largest set with a coefficient; less where that would be more than 50,000 sets, or 4.
        seed: Of the folds, and of the rows taken where there are more than 600 to choose scales on, or more
            than 4,000 to solve for.
        num_threads: Unused; linear algebra takes what the process allows it.
    """

    max_order: int = 3
    seed: int = 0
    num_threads: int = 1

    def fit(self, problem: Problem) -> list[TargetFit]:
        """Each target by itself: its scales are its own."""
        fold_of = folds(problem.labels, _FOLDS, seed=self.seed)
        order = min(self.max_order, _ORDERS, problem.n_groups)
        while order > 1 and sum(comb(problem.n_groups, k) for k in range(order + 1)) > _MOST_TERMS:
            order -= 1
        basis = centred(problem.distribution.p)
        terms = tuple(
            term for size in range(1, order + 1) for term in combinations(range(problem.n_groups), size)
        )
        most = kept_terms(problem.n_targets)
        shared = _Shared(basis, basis.factors(problem.masks), terms, order, fold_of, self.seed, most)
        return [_fit_one(problem.n_groups, shared, values) for values in problem.values.T]


@dataclass(frozen=True)
class _Shared:
    """What all targets share: factors float64[m, n_groups], terms, their largest size, folds."""

    basis: Basis
    factors: NDArray[np.float64]
    terms: tuple[Term, ...]
    order: int
    fold_of: NDArray[np.int64]
    seed: int
    kept_terms: int


def _fit_one(n_groups: int, shared: _Shared, raw: NDArray[np.float64]) -> TargetFit:
    mean, scale = float(raw.mean()), float(raw.std())
    values = (raw - mean) / scale
    rng = np.random.default_rng(shared.seed)
    rows = _some(np.arange(len(values)), _SOLVED_ROWS, rng)
    factors, values = shared.factors[rows], values[rows]
    tuned = _some(np.arange(len(rows)), _TUNED_ROWS, rng)
    shape = np.ones(len(rows))
    logs = _tuned(shared, factors, values, shape, tuned, None)
    shape = _noise_shape(factors, values, *unpacked(logs, shared.order))
    if (shape != 1.0).any():
        logs = _tuned(shared, factors, values, shape, tuned, logs)
    scales, noise = unpacked(logs, shared.order)
    weights = _weights(factors, values, scales, noise * shape)
    coefficients = prior_variances(shared.terms, scales) * _transposed_products(
        factors, shared.terms, weights
    )
    out_of_fold, expansions = _out_of_fold(
        shared, n_groups, factors, values, shape, logs, shared.fold_of[rows]
    )
    score = float(1 - ((values - out_of_fold) ** 2).mean() / values.var())
    intercept = CONSTANT * float(weights.sum())
    largest = np.sort(np.argsort(-np.abs(coefficients), kind="stable")[:_LISTED_TERMS])
    support = GpSupport(
        n_groups,
        shared.basis,
        tuple(shared.terms[place] for place in largest),
        intercept,
        coefficients[largest],
        scales,
        noise * shape,
        1.0,
        rows,
    )
    return TargetFit(
        shared.basis.to_fourier(n_groups, ((), *shared.terms), np.concatenate([[intercept], coefficients])),
        support,
        cv_r2=score,
        scores={"walsh-gp": score},
        settings={"noise": noise, "order": shared.order, "student": int((shape != 1.0).any())},
        out_of_fold=out_of_fold if len(rows) == len(raw) else None,
        folds=FoldFits(shared.fold_of, expansions) if len(rows) == len(raw) else None,
    ).rescaled(mean, scale)


def _some(rows: NDArray[np.int64], most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))


def _tuned(
    shared: _Shared,
    factors: NDArray[np.float64],
    values: NDArray[np.float64],
    shape: NDArray[np.float64],
    rows: NDArray[np.int64],
    start: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    evidence = Evidence(factors[rows], values[rows], shared.order, shape[rows])
    if start is None:
        return evidence.maximise(evidence.start(), _ITERATIONS)
    return evidence.maximise(start, _WARM_ITERATIONS)


def _weights(
    factors: NDArray[np.float64], values: NDArray[np.float64], scales: Scales, noise: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(K + noise)^-1 y, the weight of each row's kernel in the posterior mean."""
    covariance = kernel(factors, factors, scales) + CONSTANT + np.diag(noise)
    return np.asarray(cho_solve(cho_factor(covariance, lower=True, overwrite_a=True), values))


def _noise_shape(
    factors: NDArray[np.float64], values: NDArray[np.float64], scales: Scales, noise: float
) -> NDArray[np.float64]:
    """Each row's noise in units of the common one: 1, unless residuals have heavy tails."""
    shape = np.ones(len(values))
    signal = kernel(factors, factors, scales) + CONSTANT
    for step in range(_EM_STEPS + 1):
        inverse = np.linalg.inv(signal + np.diag(noise * shape))
        weights, precisions = inverse @ values, np.diag(inverse)
        if step == 0:
            loo = weights / np.sqrt(precisions)
            if (loo**4).mean() < _TAILS * (loo**2).mean() ** 2:
                return shape
        # E[(y - f)^2] given all values: residual squared plus what is not known of f
        own = noise * shape
        squares = (own * weights) ** 2 + own - own**2 * precisions
        shape = (_NU + squares / noise) / (_NU + 1.0)
    return shape


def _out_of_fold(
    shared: _Shared,
    n_groups: int,
    factors: NDArray[np.float64],
    values: NDArray[np.float64],
    shape: NDArray[np.float64],
    logs: NDArray[np.float64],
    fold_of: NDArray[np.int64],
) -> tuple[NDArray[np.float64], tuple[FourierExpansion, ...]]:
    """Predictions and fits without each fold, its scales a few steps from those of all rows."""
    predicted = np.zeros(len(values))
    expansions = []
    rng = np.random.default_rng(shared.seed)
    for fold in np.unique(fold_of):
        inside = np.flatnonzero(fold_of != fold)
        out = fold_of == fold
        mine = _tuned(shared, factors, values, shape, _some(inside, _TUNED_ROWS, rng), logs)
        scales, noise = unpacked(mine, shared.order)
        weights = _weights(factors[inside], values[inside], scales, noise * shape[inside])
        predicted[out] = (kernel(factors[out], factors[inside], scales) + CONSTANT) @ weights
        found = prior_variances(shared.terms, scales) * _transposed_products(
            factors[inside], shared.terms, weights
        )
        constant = CONSTANT * float(weights.sum())
        expansions.append(
            largest_terms(n_groups, shared.basis, shared.terms, constant, found, shared.kept_terms)
        )
    return predicted, tuple(expansions)


def _transposed_products(
    factors: NDArray[np.float64], terms: Sequence[Term], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """products(factors, terms).T @ weights, in blocks."""
    block = max(1, 4_000_000 // len(factors))
    parts = [
        products(factors, terms[start : start + block]).T @ weights for start in range(0, len(terms), block)
    ]
    return np.concatenate(parts)
