"""A Gaussian process behind a link, for values that saturate or have long tails.

Probabilities saturate, scores of retrained models have long tails: such a value is a monotone function of a
sum of interactions rather than a sum itself. Values are mapped to the normal scores of their ranks, a
Gaussian process with a prior over the coefficients of every set (see walsh_gp) is fitted to the scores, and a
mask's value is the mean of the link back,

    f(m) = E[g^-1(s(m) + e)],    e normal with the process's own leave-one-out variance

(Snelson, Rasmussen and Ghahramani 2003, "Warped Gaussian processes", with the ranks' link in place of a
parametric one). What is returned is the expansion of low order nearest to f: exact for up to 16 groups, where
every mask is asked, and by regression on the terms that matter most for more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding.basis import Basis, centred
from spex_data.decoding.folds import folds
from spex_data.decoding.gp_fit import SOLVED_ROWS, GpFit, fit_gp, fold_predictions, largest_order, some_rows
from spex_data.decoding.interactions import support_fit
from spex_data.decoding.link import Link
from spex_data.decoding.problem import Problem
from spex_data.decoding.projection import (
    CUBE,
    Projection,
    cube_table,
    project_function,
    project_table,
)
from spex_data.decoding.result import TargetFit
from spex_data.decoding.ridge import ridge
from spex_data.spectra import Term

_FOLDS = 5
_PROJECTED_TERMS = 2000
"""Terms of the expansion, where not every mask can be asked."""
_LISTED_SHARE, _LISTED_TERMS = 0.3, 200
"""Terms of the regression that interactions are listed from, at most, as a share of the masks too."""
_FAITHFUL = 0.9
"""Below this fidelity the expansion does not predict what the process does, and no score is given for it."""


@dataclass(frozen=True)
class WarpedGp:
    """Settings of the algorithm.

    Attributes:
        max_order: Largest set with a coefficient; less where that would be more than 50,000 sets, or 5.
        seed: Of the folds, of the rows taken where there are more than 4,000, and of the masks asked.
        num_threads: Unused; linear algebra takes what the process allows it.
    """

    max_order: int = 5
    seed: int = 0
    num_threads: int = 1

    def fit(self, problem: Problem) -> list[TargetFit]:
        """Each target by itself: its link and scales are its own."""
        order = largest_order(problem.n_groups, self.max_order)
        terms = tuple(
            term for size in range(1, order + 1) for term in combinations(range(problem.n_groups), size)
        )
        rows = some_rows(len(problem.masks), SOLVED_ROWS, np.random.default_rng(self.seed))
        return [_fit_one(problem, rows, terms, order, values, self.seed) for values in problem.values.T]


@dataclass(frozen=True, eq=False)
class _Warped:
    """A link and a process on scores, which have a mean and a scale of their own."""

    link: Link
    process: GpFit
    mean: float
    scale: float

    @property
    def deviation(self) -> float:
        """Of a score about what all other rows say of it."""
        return self.scale * float(np.sqrt(self.process.loo_variances.mean()))

    def scores(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The standardised scores of values, which the process is fitted to."""
        return (self.link.score(values) - self.mean) / self.scale

    def value(self, latent: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean values, float64[q], of masks whose posterior means are float64[q]."""
        return self.link.mean(self.mean + self.scale * latent, self.deviation)

    def predict(self, factors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean values, float64[q], of masks of factors float64[q, n_groups]."""
        return self.value(self.process.predict(factors))


def _warped(
    factors: NDArray[np.float64], values: NDArray[np.float64], order: int, rng: np.random.Generator
) -> _Warped:
    link = Link.fit(values)
    scores = link.score(values)
    mean, scale = float(scores.mean()), float(scores.std())
    # normal scores have no tails that a Student noise would be needed for
    even = np.ones(len(values))
    return _Warped(link, fit_gp(factors, (scores - mean) / scale, order, rng, None, even), mean, scale)


def _fit_one(
    problem: Problem,
    rows: NDArray[np.int64],
    terms: tuple[Term, ...],
    order: int,
    values: NDArray[np.float64],
    seed: int,
) -> TargetFit:
    basis, rng = centred(problem.distribution.p), np.random.default_rng(seed)
    factors = basis.factors(problem.masks[rows])
    whole = _warped(factors, values[rows], order, rng)
    kept, projection = _projected(problem, basis, whole, terms, seed)
    out_of_fold = None
    if len(rows) == len(values) and projection.fidelity >= _FAITHFUL:
        fold_of = folds(problem.labels, _FOLDS, seed=seed)
        latent = fold_predictions(whole.process, whole.scores(values), fold_of, order, rng)
        out_of_fold = whole.value(latent)
    score = None if out_of_fold is None else float(1 - ((values - out_of_fold) ** 2).mean() / values.var())
    listed = _listed(problem.n_groups, kept, projection.coefficients, len(values))
    fit = ridge(basis.columns(problem.masks, listed), values[:, None])
    return TargetFit(
        basis.to_fourier(
            problem.n_groups, ((), *kept), np.concatenate([[projection.intercept], projection.coefficients])
        ),
        support_fit(problem.n_groups, listed, fit, 0, basis),
        cv_r2=score,
        scores={} if score is None else {"warped-gp": score},
        settings={
            "noise": float(np.exp(whole.process.logs[-1])),
            "order": order,
            "fidelity": projection.fidelity,
        },
        out_of_fold=out_of_fold,
    )


def _projected(
    problem: Problem, basis: Basis, whole: _Warped, terms: tuple[Term, ...], seed: int
) -> tuple[tuple[Term, ...], Projection]:
    n, p = problem.n_groups, problem.distribution.p
    coefficients = whole.process.coefficients(terms)
    if n <= CUBE:
        latent = cube_table(whole.process.intercept, terms, coefficients, basis, n)
        return terms, project_table(whole.value(latent), terms, n, p)
    sizes = np.abs(coefficients)
    sizes[:n] = np.inf
    chosen = np.sort(np.argsort(-sizes, kind="stable")[: max(n, _PROJECTED_TERMS)])
    kept = tuple(terms[place] for place in chosen)
    return kept, project_function(whole.predict, kept, basis, n, p, seed)


def _listed(
    n_groups: int, terms: Sequence[Term], coefficients: NDArray[np.float64], count: int
) -> list[Term]:
    """Every single group, and the largest of the other terms."""
    most = min(_LISTED_TERMS, int(_LISTED_SHARE * count))
    largest = np.argsort(-np.abs(coefficients[n_groups:]), kind="stable")[:most]
    return [*terms[:n_groups], *(terms[n_groups + place] for place in np.sort(largest))]
