"""LASSO on all single groups and pairs, its penalty chosen by cross-validation for each target."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from spex_data.decoding.basis import Basis, centred
from spex_data.decoding.folds import choices_elsewhere, chosen_elsewhere, folds
from spex_data.decoding.problem import Problem
from spex_data.decoding.ridge import ridge
from spex_data.decoding.support import support_fit
from spex_data.decoding.target_fit import TargetFit
from spex_data.decoding.uncertainty.crossfit import FoldFits, kept_terms, largest_terms
from spex_data.spectra import Term

_FOLDS = 5
_PENALTIES = 25
_RANGE = 3e-3
"""The smallest penalty, as a share of the smallest that leaves no term."""
_MOST_PAIRS = 4000
"""Pairs that are tried where there are more, those that correlate most with some target."""
_SHARE = 0.6
"""Terms of the fit that interactions are listed from, at most, as a share of the masks."""


@dataclass(frozen=True)
class Lasso:
    """Settings of the algorithm.

    Attributes:
        max_order: 1 for single groups alone; pairs are the largest sets.
        seed: Of the folds.
        num_threads: Unused; coordinate descent takes one.
    """

    max_order: int = 3
    seed: int = 0
    num_threads: int = 1

    def fit(self, problem: Problem) -> list[TargetFit]:
        """All targets on the same columns, folds and Gram matrices."""
        basis = centred(problem.distribution.p)
        terms = candidate_terms(problem, basis, self.max_order)
        columns = np.asfortranarray(basis.columns(problem.masks, terms))
        fold_of = folds(problem.labels, _FOLDS, seed=self.seed)
        means, scales = problem.values.mean(axis=0), problem.values.std(axis=0)
        values = (problem.values - means) / scales
        whole = _paths(columns, values, None)
        shares = [path.penalties for path in whole]
        predicted = np.zeros((_PENALTIES, *values.shape))
        parts: list[list[_Path]] = [[] for _ in whole]
        for fold in range(fold_of.max() + 1):
            out = fold_of == fold
            for target, path in enumerate(_paths(columns[~out], values[~out], shares)):
                predicted[:, out, target] = path.intercepts[:, None] + (columns[out] @ path.coefficients).T
                parts[target].append(replace(path, coefficients=sparse.csc_array(path.coefficients)))
        found = []
        for target, path in enumerate(whole):
            chosen = _Chosen(path, predicted[:, :, target], values[:, target])
            out_of_fold = chosen_elsewhere(chosen.predicted, chosen.values, fold_of)
            fit = _target_fit(problem, basis, terms, columns, chosen, out_of_fold)
            places = choices_elsewhere(chosen.predicted, chosen.values, fold_of)
            kept = _fold_fits(problem, basis, terms, parts[target], places, fold_of)
            found.append(replace(fit, folds=kept).rescaled(float(means[target]), float(scales[target])))
        return found


def candidate_terms(problem: Problem, basis: Basis, max_order: int) -> tuple[Term, ...]:
    """Every single group, and every pair or the 4,000 pairs that correlate most with some target."""
    groups = range(problem.n_groups)
    singles: list[Term] = [(group,) for group in groups]
    if max_order < 2:
        return tuple(singles)
    pairs = list(combinations(groups, 2))
    if len(pairs) > _MOST_PAIRS:
        factors = basis.factors(problem.masks)
        strongest = np.zeros((problem.n_groups, problem.n_groups))
        for values in problem.values.T:
            centre = (values - values.mean()) / values.std()
            np.maximum(strongest, np.abs((factors * centre[:, None]).T @ factors), out=strongest)
        first, second = np.triu_indices(problem.n_groups, 1)
        kept = np.sort(np.argsort(-strongest[first, second], kind="stable")[:_MOST_PAIRS])
        pairs = [pairs[place] for place in kept]
    return (*singles, *pairs)


def _fold_fits(
    problem: Problem,
    basis: Basis,
    terms: tuple[Term, ...],
    paths: list[_Path],
    places: list[int],
    fold_of: NDArray[np.int64],
) -> FoldFits:
    most = kept_terms(problem.n_targets)
    return FoldFits(
        fold_of,
        tuple(
            largest_terms(
                problem.n_groups,
                basis,
                terms,
                float(path.intercepts[place]),
                path.coefficients[:, [place]].toarray()[:, 0],
                most,
            )
            for path, place in zip(paths, places, strict=True)
        ),
    )


@dataclass(frozen=True)
class _Path:
    """Fits of one target: penalties float64[q], intercepts float64[q], coefficients [k, q], maybe sparse."""

    penalties: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    coefficients: Any


@dataclass(frozen=True)
class _Chosen:
    """A path on all masks, and what the paths without each fold predict, float64[q, m]."""

    path: _Path
    predicted: NDArray[np.float64]
    values: NDArray[np.float64]

    @property
    def place(self) -> int:
        """Of the penalty with the least out-of-fold error."""
        return int(((self.predicted - self.values) ** 2).mean(axis=1).argmin())


def _paths(
    columns: NDArray[np.float64], values: NDArray[np.float64], penalties: list[NDArray[np.float64]] | None
) -> list[_Path]:
    """A path for each target; all share the Gram matrix."""
    # a second of imports, which the other decoders do not need
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import lasso_path

    means, middles = columns.mean(axis=0), values.mean(axis=0)
    centre = np.asfortranarray(columns - means)
    gram = centre.T @ centre
    correlations = centre.T @ (values - middles)
    found = []
    for target in range(values.shape[1]):
        top = float(np.abs(correlations[:, target]).max()) / len(values)
        grid = top * np.geomspace(1.0, _RANGE, _PENALTIES) if penalties is None else penalties[target]
        if top == 0.0:
            coefficients = np.zeros((columns.shape[1], len(grid)))
        else:
            with catch_warnings():  # the smallest penalties converge slowly, and are hardly ever chosen
                simplefilter("ignore", ConvergenceWarning)
                _, coefficients, _ = lasso_path(
                    centre,
                    np.ascontiguousarray(values[:, target] - middles[target]),
                    alphas=grid,
                    precompute=gram,
                    Xy=np.ascontiguousarray(correlations[:, target]),
                    tol=1e-4,
                    max_iter=300,
                    check_input=False,
                )
        found.append(_Path(grid, middles[target] - means @ coefficients, coefficients))
    return found


def _target_fit(
    problem: Problem,
    basis: Basis,
    terms: tuple[Term, ...],
    columns: NDArray[np.float64],
    chosen: _Chosen,
    out_of_fold: NDArray[np.float64],
) -> TargetFit:
    path, place, values = chosen.path, chosen.place, chosen.values
    sizes = np.abs(path.coefficients[:, place])
    active = np.flatnonzero(sizes)
    expansion = basis.to_fourier(
        problem.n_groups,
        ((), *(terms[term] for term in active)),
        np.concatenate([[path.intercepts[place]], path.coefficients[active, place]]),
    )
    most = max(1, int(_SHARE * len(values)))
    listed = np.sort(np.argsort(-sizes, kind="stable")[: min(most, len(active))])
    if not len(listed):  # nothing survives: what the groups do alone is still worth an interval
        listed = np.arange(problem.n_groups)
    refit = ridge(columns[:, listed], values[:, None])
    score = float(1 - ((values - out_of_fold) ** 2).mean())
    return TargetFit(
        expansion,
        support_fit(problem.n_groups, [terms[term] for term in listed], refit, 0, basis),
        cv_r2=score,
        scores={"lasso": score},
        settings={"penalty": float(path.penalties[place]), "terms": len(active)},
        out_of_fold=out_of_fold,
    )
