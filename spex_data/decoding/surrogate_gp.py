"""A Gaussian process over masks that also listens to a surrogate, as far as the values bear it out.

The values of masks are a sum over sets, as for `walsh-gp`, plus a linear function of what a surrogate says of
the mask. How much it is listened to is a scale of the prior like the others, chosen by the evidence of the
values themselves: first for each target by itself, then again with a prior about what all targets came to.
What the surrogate says is an expansion in masks by then, and so is what is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding.basis import Basis, centred
from spex_data.decoding.folds import folds
from spex_data.decoding.gaussian.fit import SOLVED_ROWS, largest_order, some_rows
from spex_data.decoding.gaussian.guide import Guide, guide
from spex_data.decoding.gaussian.guided import GuidedFit, fit_guided
from spex_data.decoding.problem import Problem
from spex_data.decoding.ridge import ridge
from spex_data.decoding.support import support_fit
from spex_data.decoding.target_fit import TargetFit
from spex_data.decoding.uncertainty.crossfit import FoldFits, kept_terms, largest_terms
from spex_data.errors import DecodingError
from spex_data.spectra import FourierExpansion, Term

_FOLDS = 5
_CENTRE = float(np.log(0.5))
"""Of the log variance that a surrogate is expected to explain, before any value is seen."""
_LISTED_SHARE, _LISTED_TERMS = 0.3, 200


@dataclass(frozen=True)
class SurrogateGp:
    """Settings of the algorithm.

    Attributes:
        max_order: Largest set with a coefficient; at most 5, and less where that would be more than 50,000
            sets, or sets times targets more than 5 million.
        seed: Of the folds, and of the rows taken where there are many.
        num_threads: Unused; linear algebra takes one.
    """

    max_order: int = 5
    seed: int = 0
    num_threads: int = 1

    def fit(self, problem: Problem) -> list[TargetFit]:
        """Each target twice, the second time knowing what the others made of the surrogate.

        Raises:
            DecodingError: The problem has no features.
        """
        if problem.features is None:
            raise DecodingError(
                "needs what a surrogate says",
                where="features",
                instead="give simulated values, or take another method such as auto",
            )
        basis, n = centred(problem.distribution.p), problem.n_groups
        order = largest_order(n, self.max_order, problem.n_targets)
        terms = tuple(term for size in range(1, order + 1) for term in combinations(range(n), size))
        rows = some_rows(len(problem.masks), SOLVED_ROWS, np.random.default_rng(self.seed))
        factors = basis.factors(problem.masks[rows])
        shared = _Shared(problem, basis, terms, order, rows, factors, self.seed)
        asked = basis.factors(problem.features.masks)
        guides = [
            guide(asked, problem.features.values[:, t], order, np.random.default_rng(self.seed))
            for t in range(problem.n_targets)
        ]
        alone = [_Target.of(shared, one, t, _CENTRE) for t, one in enumerate(guides)]
        centre = float(np.median([each.fit.logs[-1] for each in alone]))
        return [_found(shared, _Target.of(shared, each.guide, each.target, centre)) for each in alone]


@dataclass(frozen=True, eq=False)
class _Shared:
    """What all targets share."""

    problem: Problem
    basis: Basis
    terms: tuple[Term, ...]
    order: int
    rows: NDArray[np.int64]
    factors: NDArray[np.float64]
    seed: int


@dataclass(frozen=True, eq=False)
class _Target:
    """One target's fit, with its readings float64[m, k] and standardised values."""

    target: int
    guide: Guide
    known: NDArray[np.float64]
    values: NDArray[np.float64]
    mean: float
    scale: float
    centre: float
    fit: GuidedFit

    @classmethod
    def of(cls, shared: _Shared, guide: Guide, target: int, centre: float) -> _Target:
        known = guide.rows(shared.factors)
        raw = shared.problem.values[shared.rows, target]
        mean, scale = float(raw.mean()), float(raw.std())
        values, rng = (raw - mean) / scale, np.random.default_rng(shared.seed)
        fit = fit_guided(shared.factors, known, values, shared.order, rng, centre=centre)
        return cls(target, guide, known, values, mean, scale, centre, fit)


def _found(shared: _Shared, one: _Target) -> TargetFit:
    problem, n = shared.problem, shared.problem.n_groups
    fold_of = folds(problem.labels, _FOLDS, seed=shared.seed)[shared.rows]
    rng = np.random.default_rng(shared.seed)
    out_of_fold = np.zeros(len(one.values))
    most = kept_terms(problem.n_targets)
    readings = one.guide.coefficients(shared.terms)
    parts: list[FourierExpansion] = []
    for fold in range(int(fold_of.max()) + 1):
        out, inside = fold_of == fold, fold_of != fold
        part = fit_guided(
            shared.factors[inside],
            one.known[inside],
            one.values[inside],
            shared.order,
            rng,
            centre=one.centre,
            like=one.fit,
        )
        out_of_fold[out] = part.posterior.predict(shared.factors[out]) + one.known[out] @ part.slopes
        coefficients = part.posterior.coefficients(shared.terms) + readings @ part.slopes
        parts.append(
            largest_terms(n, shared.basis, shared.terms, part.posterior.intercept, coefficients, most)
        )
    score = float(1 - ((one.values - out_of_fold) ** 2).mean() / one.values.var())
    coefficients = one.fit.posterior.coefficients(shared.terms) + readings @ one.fit.slopes
    whole = len(shared.rows) == len(problem.masks)
    listed = _listed(n, shared.terms, coefficients, len(one.values))
    support = ridge(shared.basis.columns(problem.masks, listed), problem.values[:, [one.target]])
    fit = TargetFit(
        shared.basis.to_fourier(
            n, ((), *shared.terms), np.concatenate([[one.fit.posterior.intercept], coefficients])
        ),
        cv_r2=score,
        scores={"surrogate-gp": score},
        settings={
            "surrogate_share": float(np.var(one.known @ one.fit.slopes)),
            "surrogate_fidelity": float(one.guide.fidelity.max()),
            "noise": one.fit.noise,
        },
        out_of_fold=out_of_fold if whole else None,
        folds=FoldFits(fold_of, tuple(parts)) if whole else None,
    ).rescaled(one.mean, one.scale)
    return replace(fit, support=support_fit(n, listed, support, 0, shared.basis))


def _listed(
    n_groups: int, terms: Sequence[Term], coefficients: NDArray[np.float64], count: int
) -> list[Term]:
    """Every single group, and the largest of the other terms."""
    most = min(_LISTED_TERMS, int(_LISTED_SHARE * count))
    largest = np.argsort(-np.abs(coefficients[n_groups:]), kind="stable")[:most]
    return [*terms[:n_groups], *(terms[n_groups + place] for place in np.sort(largest))]
