"""A Gaussian process whose kernel is a prior over the coefficients of every set up to an order.

Each set has a coefficient in the centred products of its groups, a priori normal with variance

    Var c(S) = w_|S| prod of r_i (i in S),

so sets of groups that matter are expected to matter. Rates r, levels w and the noise maximise the evidence of
the values under priors that hold the rates together (see gaussian.evidence); every coefficient then has a
posterior mean and variance in closed form, however few the masks. Where heavy tails of the residuals are wild
values, each row gets its own noise, (nu + e^2) / (nu + 1) times the common one with e its standardised
leave-one-out residual, as for Student noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding.basis import Basis, centred
from spex_data.decoding.folds import folds
from spex_data.decoding.gaussian.fit import (
    SOLVED_ROWS,
    Posterior,
    fit_gp,
    largest_order,
    some_rows,
    without_folds,
)
from spex_data.decoding.gaussian.support import GpSupport
from spex_data.decoding.problem import Problem
from spex_data.decoding.target_fit import TargetFit
from spex_data.decoding.uncertainty.crossfit import FoldFits, kept_terms, largest_terms
from spex_data.spectra import Term

_FOLDS = 5
_LISTED_TERMS = 600


@dataclass(frozen=True)
class WalshGp:
    """Settings of the algorithm.

    Attributes:
        max_order: Largest set with a coefficient; at most 5, and less where that would be more than 50,000
            sets, or sets times targets more than 5 million.
        seed: Of the folds, and of the rows taken where there are more than 300 to choose scales on, or more
            than 4,000 to solve for.
        num_threads: Unused; linear algebra takes one.
    """

    max_order: int = 5
    seed: int = 0
    num_threads: int = 1

    def fit(self, problem: Problem) -> list[TargetFit]:
        """Each target by itself: its scales are its own."""
        order = largest_order(problem.n_groups, self.max_order, problem.n_targets)
        terms = tuple(
            term for size in range(1, order + 1) for term in combinations(range(problem.n_groups), size)
        )
        basis = centred(problem.distribution.p)
        rows = some_rows(len(problem.masks), SOLVED_ROWS, np.random.default_rng(self.seed))
        fold_of = folds(problem.labels, _FOLDS, seed=self.seed)[rows]
        factors, most = basis.factors(problem.masks[rows]), kept_terms(problem.n_targets)
        shared = _Shared(basis, factors, terms, order, rows, fold_of, self.seed, most)
        whole = len(rows) == len(problem.masks)
        return [_fit_one(problem.n_groups, shared, values, whole) for values in problem.values[rows].T]


@dataclass(frozen=True)
class _Shared:
    """What all targets share: factors float64[m, n_groups], terms, their largest size, folds."""

    basis: Basis
    factors: NDArray[np.float64]
    terms: tuple[Term, ...]
    order: int
    rows: NDArray[np.int64]
    fold_of: NDArray[np.int64]
    seed: int
    kept_terms: int


def _fit_one(n_groups: int, shared: _Shared, raw: NDArray[np.float64], whole: bool) -> TargetFit:
    mean, scale = float(raw.mean()), float(raw.std())
    values = (raw - mean) / scale
    rng = np.random.default_rng(shared.seed)
    fit = fit_gp(shared.factors, values, shared.order, rng)
    posterior = fit.posterior
    coefficients = posterior.coefficients(shared.terms)
    parts = without_folds(fit, values, shared.fold_of, shared.order, rng)
    out_of_fold = np.zeros(len(values))
    for fold, part in enumerate(parts):
        out_of_fold[shared.fold_of == fold] = part.predict(shared.factors[shared.fold_of == fold])
    score = float(1 - ((values - out_of_fold) ** 2).mean() / values.var())
    largest = np.sort(np.argsort(-np.abs(coefficients), kind="stable")[:_LISTED_TERMS])
    support = GpSupport(
        n_groups,
        shared.basis,
        tuple(shared.terms[place] for place in largest),
        posterior.intercept,
        coefficients[largest],
        posterior.scales,
        fit.noise,
        1.0,
        shared.rows,
    )
    return TargetFit(
        shared.basis.to_fourier(
            n_groups, ((), *shared.terms), np.concatenate([[posterior.intercept], coefficients])
        ),
        support,
        cv_r2=score,
        scores={"walsh-gp": score},
        settings={
            "noise": float(np.median(fit.noise)),
            "order": shared.order,
            "student": int(bool(np.ptp(fit.noise))),
        },
        out_of_fold=out_of_fold if whole else None,
        folds=_fold_fits(n_groups, shared, parts) if whole else None,
    ).rescaled(mean, scale)


def _fold_fits(n_groups: int, shared: _Shared, parts: Sequence[Posterior]) -> FoldFits:
    expansions = tuple(
        largest_terms(
            n_groups,
            shared.basis,
            shared.terms,
            part.intercept,
            part.coefficients(shared.terms),
            shared.kept_terms,
        )
        for part in parts
    )
    return FoldFits(shared.fold_of, expansions)
