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
from spex_data.decoding.gaussian.cube import CUBE, cube_table
from spex_data.decoding.gaussian.fit import (
    SOLVED_ROWS,
    GpFit,
    Posterior,
    fit_gp,
    largest_order,
    some_rows,
    without_folds,
)
from spex_data.decoding.gaussian.link import Link
from spex_data.decoding.gaussian.projection import Projection, project_function, project_table
from spex_data.decoding.problem import Problem
from spex_data.decoding.support import centred_support, singles_and_largest
from spex_data.decoding.target_fit import TargetFit
from spex_data.decoding.uncertainty.crossfit import FoldFits, kept_terms, largest_terms
from spex_data.spectra import FourierExpansion, Term, products

_FOLDS = 5
_PROJECTED_TERMS, _FOLD_TERMS = 2000, 300
"""Terms of the expansion, and of the fits without each fold, where not every mask can be asked."""
_LISTED_SHARE, _LISTED_TERMS = 0.3, 200
"""Terms of the regression that interactions are listed from, at most, as a share of the masks too."""
_FAITHFUL = 0.9
"""Below this fidelity the expansion does not predict what the process does, and no score is given for it."""


@dataclass(frozen=True)
class WarpedGp:
    """Settings of the algorithm.

    Attributes:
        max_order: Largest set with a coefficient; at most 5, and less where that would be more than 50,000
            sets, or sets times targets more than 5 million.
        seed: Of the folds, of the rows taken where there are more than 4,000, and of the masks asked.
        num_threads: Unused; linear algebra takes one.
    """

    max_order: int = 5
    seed: int = 0
    num_threads: int = 1

    def fit(self, problem: Problem) -> list[TargetFit]:
        """Each target by itself: its link and scales are its own."""
        order = largest_order(problem.n_groups, self.max_order, problem.n_targets)
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

    def predict(self, posterior: Posterior, factors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean values, float64[q], of masks of factors float64[q, n_groups], as some rows say."""
        return self.value(posterior.predict(factors))


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
    ask = _Asked(problem, basis, whole, terms, seed)
    kept, projection = _projected(ask, whole.process.posterior, _PROJECTED_TERMS)
    out_of_fold, fold_fits = None, None
    if len(rows) == len(values) and projection.fidelity >= _FAITHFUL:
        fold_of = folds(problem.labels, _FOLDS, seed=seed)
        parts = without_folds(whole.process, whole.scores(values), fold_of, order, rng)
        found = [_projected(ask, part, _FOLD_TERMS) for part in parts]
        out_of_fold = _out_of_fold(whole, parts, found, projection.fidelity, factors, fold_of)
        fold_fits = FoldFits(fold_of, tuple(_fold_fit(ask, *each) for each in found))
    score = None if out_of_fold is None else float(1 - ((values - out_of_fold) ** 2).mean() / values.var())
    most = min(_LISTED_TERMS, int(_LISTED_SHARE * len(values)))
    listed = singles_and_largest(kept, projection.coefficients, problem.n_groups, most)
    return TargetFit(
        basis.to_fourier(
            problem.n_groups, ((), *kept), np.concatenate([[projection.intercept], projection.coefficients])
        ),
        centred_support(problem.masks, problem.distribution.p, listed, values),
        cv_r2=score,
        scores={} if score is None else {"warped-gp": score},
        settings={
            "noise": float(np.exp(whole.process.logs[-1])),
            "order": order,
            "fidelity": projection.fidelity,
        },
        out_of_fold=out_of_fold,
        folds=fold_fits,
    )


@dataclass(frozen=True, eq=False)
class _Asked:
    """What is projected: a process behind a link, over which terms, with the seed of masks drawn."""

    problem: Problem
    basis: Basis
    warped: _Warped
    terms: tuple[Term, ...]
    seed: int


def _out_of_fold(
    whole: _Warped,
    parts: Sequence[Posterior],
    found: Sequence[tuple[tuple[Term, ...], Projection]],
    fidelity: float,
    factors: NDArray[np.float64],
    fold_of: NDArray[np.int64],
) -> NDArray[np.float64]:
    """float64[m], what the expansion, and not the process, says of each fold without it.

    What is blended is an expansion, so what it leaves out of the process is an error as well. It is told from
    what the smaller expansions without a fold leave out there, and from how much more faithful the whole is.
    """
    lost = float(np.mean([1.0 - projection.fidelity for _, projection in found]))
    share = float(np.sqrt(np.clip((1.0 - fidelity) / max(lost, 1e-12), 0.0, 1.0)))
    predicted = np.zeros(len(factors))
    for fold, (part, (kept, projection)) in enumerate(zip(parts, found, strict=True)):
        mine = factors[fold_of == fold]
        process = whole.predict(part, mine)
        expanded = projection.intercept + products(mine, kept) @ projection.coefficients
        predicted[fold_of == fold] = process + share * (expanded - process)
    return predicted


def _fold_fit(ask: _Asked, kept: tuple[Term, ...], projection: Projection) -> FourierExpansion:
    n, most = ask.problem.n_groups, kept_terms(ask.problem.n_targets)
    return largest_terms(n, ask.basis, kept, projection.intercept, projection.coefficients, most)


def _projected(ask: _Asked, posterior: Posterior, most: int) -> tuple[tuple[Term, ...], Projection]:
    """The nearest expansion of what some rows say: on all terms, or for many groups on the largest."""
    n, p, basis = ask.problem.n_groups, ask.problem.distribution.p, ask.basis
    coefficients = posterior.coefficients(ask.terms)
    if n <= CUBE:
        latent = cube_table(posterior.intercept, ask.terms, coefficients, basis, n)
        return ask.terms, project_table(ask.warped.value(latent), ask.terms, n, p)
    sizes = np.abs(coefficients)
    sizes[:n] = np.inf
    chosen = np.sort(np.argsort(-sizes, kind="stable")[: max(n, most)])
    kept = tuple(ask.terms[place] for place in chosen)
    return kept, project_function(
        lambda factors: ask.warped.predict(posterior, factors), kept, basis, n, p, ask.seed
    )
