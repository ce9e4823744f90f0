"""Ridge regression on single groups, the datamodel (Ilyas et al. 2022) as a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding.folds import folds
from spex_data.decoding.problem import Problem
from spex_data.decoding.ridge import RidgeFit, ridge
from spex_data.decoding.support import support_fit
from spex_data.decoding.target_fit import TargetFit
from spex_data.decoding.uncertainty.crossfit import FoldFits
from spex_data.spectra import Term, parity_matrix

_FOLDS = 5


@dataclass(frozen=True)
class Linear:
    """f(m) = b + sum of w_i m_i, with ridge's penalty chosen by leave-one-out for each target."""

    max_order: int = 1
    seed: int = 0
    num_threads: int = 1

    def fit(self, problem: Problem) -> list[TargetFit]:
        """All targets from one decomposition of the masks."""
        terms = [(group,) for group in range(problem.n_groups)]
        fitted = ridge(parity_matrix(problem.masks, terms), problem.values)
        total = ((problem.values - problem.values.mean(axis=0)) ** 2).sum(axis=0)
        score = 1.0 - (fitted.loo_residuals**2).sum(axis=0) / total
        fold_of = folds(problem.labels, _FOLDS, seed=self.seed)
        parts = [
            ridge(parity_matrix(problem.masks[rows], terms), problem.values[rows])
            for rows in (fold_of != fold for fold in range(fold_of.max() + 1))
            if rows.any()
        ]
        found = []
        for target in range(problem.n_targets):
            support = support_fit(problem.n_groups, terms, fitted, target)
            found.append(
                TargetFit(
                    support.expansion,
                    support,
                    cv_r2=float(score[target]),
                    scores={"linear": float(score[target])},
                    settings={"penalty": float(np.round(support.penalty, 12))},
                    out_of_fold=problem.values[:, target] - support.loo_residuals,
                    folds=_fold_fits(problem.n_groups, terms, parts, fold_of, target),
                )
            )
        return found


def _fold_fits(
    n_groups: int, terms: Sequence[Term], parts: Sequence[RidgeFit], fold_of: NDArray[np.int64], target: int
) -> FoldFits | None:
    if not parts:  # all masks in one fold
        return None
    return FoldFits(fold_of, tuple(support_fit(n_groups, terms, part, target).expansion for part in parts))
