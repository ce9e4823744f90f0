"""A posterior over which few atoms there are, averaged over instead of decided.

Atoms are those of matching pursuit: products of groups as centred products, ANDs, ORs and parities, each a
priori there with a probability that is learnt (the spike and slab of Mitchell and Beauchamp 1988; George and
McCulloch 1993), on top of small effects of all single groups. Where few masks leave open which atoms act, the
expansion is the mean over what is likely, and every set comes with the probability that it acts at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding.atoms import Dictionary
from spex_data.decoding.folds import folds
from spex_data.decoding.matching_pursuit import kinds_of, skewed
from spex_data.decoding.problem import Problem
from spex_data.decoding.sparse.posterior import posterior
from spex_data.decoding.sparse.walk import Effort
from spex_data.decoding.support import centred_support
from spex_data.decoding.target_fit import TargetFit
from spex_data.decoding.uncertainty.crossfit import FoldFits

_FOLDS = 5
_EVEN = (Effort(rounds=3, settling=40, steps=150), Effort(rounds=2, settling=30, steps=50))
"""One walk over all masks, and without a fold, where only the mean is asked for; p about 1/2."""
_SKEWED = tuple(
    tuple(replace(effort, restraint=share, first=400) for share in (1.0, 0.3, 1.0, 0.3))
    for effort in (Effort(rounds=4, settling=60, steps=150), Effort(rounds=3, settling=40, steps=50))
)
"""Four walks each, where p is not: single groups explain most of an AND or OR there, so a walk settles for
them, and one whose background is held back does not; of each kind a second comes to what the first missed."""
_LISTED = 0.05
"""Sets of at least this probability are in the support, from which is listed where nothing can be
cross-fitted."""


@dataclass(frozen=True)
class SpikeSlab:
    """Settings of the algorithm.

    Attributes:
        max_order: Largest atom.
        seed: Of the folds and of the walks.
        num_threads: Unused; linear algebra takes one.
    """

    max_order: int = 4
    seed: int = 0
    num_threads: int = 1

    def fit(self, problem: Problem) -> list[TargetFit]:
        """Each target by itself; the masks' moments are shared."""
        kinds = kinds_of(problem.distribution.p)["all"]
        signs = (1.0 - 2.0 * problem.masks).astype(np.float32)
        fold_of = folds(problem.labels, _FOLDS, seed=self.seed)
        whole = Dictionary(kinds, signs)
        parts = [Dictionary(kinds, signs[fold_of != fold]) for fold in range(fold_of.max() + 1)]
        return [self._fit_one(problem, whole, parts, fold_of, values) for values in problem.values.T]

    def _fit_one(
        self,
        problem: Problem,
        whole: Dictionary,
        parts: Sequence[Dictionary],
        fold_of: NDArray[np.int64],
        raw: NDArray[np.float64],
    ) -> TargetFit:
        mean, scale = float(raw.mean()), float(raw.std())
        values = (raw - mean) / scale
        p = problem.distribution.p
        efforts = _SKEWED if skewed(p) else tuple((effort,) for effort in _EVEN)
        found = [
            posterior(
                dictionary,
                values if fold == 0 else values[fold_of != fold - 1],
                p,
                max_order=self.max_order,
                efforts=efforts[1] if fold else efforts[0],
                seed=(self.seed, fold),
            )
            for fold, dictionary in enumerate([whole, *parts])
        ]
        fits = FoldFits(fold_of, tuple(one.mean for one in found[1:]))
        predicted = fits.predict(problem.masks)
        score = float(1 - ((values - predicted) ** 2).mean())
        known = found[0]
        likely = (term for term, chance in known.acting.items() if chance >= _LISTED)
        return TargetFit(
            known.mean,
            centred_support(problem.masks, p, likely, values),
            cv_r2=score,
            scores={"spike-slab": score},
            settings={"atoms": known.n_atoms, "background": known.background},
            out_of_fold=predicted,
            folds=fits,
            acting=known.acting,
        ).rescaled(mean, scale)
