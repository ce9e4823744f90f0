"""A posterior over which few atoms there are, averaged over instead of decided.

Atoms are those of matching pursuit: products of groups as centred products, ANDs, ORs and parities, each a
priori there with a probability that is learnt (the spike and slab of Mitchell and Beauchamp 1988; George and
McCulloch 1993), on top of small effects of all single groups. Where few masks leave open which atoms act, the
expansion is the mean over what is likely, and every set comes with the probability that it acts at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding.atoms import Dictionary
from spex_data.decoding.basis import PARITY, Basis, centred
from spex_data.decoding.folds import folds
from spex_data.decoding.interactions import SupportFit, support_fit
from spex_data.decoding.matching_pursuit import kinds_of
from spex_data.decoding.problem import Problem
from spex_data.decoding.ridge import ridge
from spex_data.decoding.sparse.walk import Effort, Visited, walk
from spex_data.decoding.target_fit import TargetFit
from spex_data.decoding.uncertainty.crossfit import FoldFits
from spex_data.spectra import FourierExpansion, Term

_FOLDS = 5
_LONG, _SHORT = Effort(rounds=3, settling=40, steps=150), Effort(rounds=2, settling=30, steps=50)
"""Of all masks, and without a fold, where only the mean is asked for."""
_LISTED = 0.05
"""Sets of at least this probability are in the support."""


@dataclass(frozen=True)
class SpikeSlab:
    """Settings of the algorithm.

    Attributes:
        max_order: Largest atom.
        seed: Of the folds and of the walks.
        num_threads: Unused; linear algebra takes what the process allows it.
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
        p, found = problem.distribution.p, []
        for fold, dictionary in enumerate([whole, *parts]):
            known = values if fold == 0 else values[fold_of != fold - 1]
            centre = float(known.mean())
            visited = walk(
                dictionary,
                known - centre,
                p,
                max_order=self.max_order,
                effort=_SHORT if fold else _LONG,
                rng=np.random.default_rng([self.seed, fold]),
            )
            found.append((visited, _as_fourier(visited, centre, p)))
        fits = FoldFits(fold_of, tuple(expansion for _, expansion in found[1:]))
        predicted = fits.predict(problem.masks)
        score = float(1 - ((values - predicted) ** 2).mean())
        visited, expansion = found[0]
        acting = probabilities(visited, p)
        return TargetFit(
            expansion,
            _support(problem, acting, values),
            cv_r2=score,
            scores={"spike-slab": score},
            settings={
                "atoms": float(sum(share * len(here) for share, here in visited.states)),
                "background": visited.background.variance,
            },
            out_of_fold=predicted,
            folds=fits,
            acting=acting,
        ).rescaled(mean, scale)


def _as_fourier(visited: Visited, centre: float, p: float) -> FourierExpansion:
    """Mean of the walk as a Fourier expansion."""
    pool = visited.candidates
    dictionary = pool.dictionary
    scaled = visited.coefficients / pool.spreads
    total: dict[Term, float] = {(): centre - float(scaled @ pool.means)}

    def add(basis: Basis, terms: Sequence[Term], coefficients: NDArray[np.float64]) -> None:
        part = basis.to_fourier(dictionary.n_groups, ((), *terms), np.r_[0.0, coefficients])
        for term, value in zip(part.terms, part.coefficients.tolist(), strict=True):
            total[term] = total.get(term, 0.0) + value

    for kind, basis in enumerate(dictionary.kinds):
        mine = [place for place in np.flatnonzero(scaled).tolist() if pool.atoms[place][0] == kind]
        add(basis, [pool.atoms[place][1] for place in mine], scaled[mine])
    if visited.background.variance:
        basis = centred(p)
        shift = basis.offset + basis.slope * dictionary.signs.mean(axis=0, dtype=np.float64)
        total[()] -= float(visited.singles @ shift)
        add(basis, [(group,) for group in range(dictionary.n_groups)], visited.singles)
    return FourierExpansion.from_mapping(dictionary.n_groups, total)


def probabilities(visited: Visited, p: float) -> dict[Term, float]:
    """How likely each set of two or more groups acts, its mean discrete derivative being other than 0.

    An atom is the reason for every set within it, but for centred products, and parities at p = 1/2, which
    are the reason for their own set alone.

    Args:
        visited: A walk.
        p: How often groups are present.
    """
    pool = visited.candidates
    alone = [
        basis in (centred(p), PARITY) and (basis != PARITY or p == 0.5) for basis in pool.dictionary.kinds
    ]
    found: dict[Term, float] = {}
    for share, here in visited.states:
        sets: set[Term] = set()
        for place in here.tolist():
            kind, members = pool.atoms[place]
            sizes = range(len(members) if alone[kind] else 2, len(members) + 1)
            sets.update(chain.from_iterable(combinations(members, size) for size in sizes if size > 1))
        for term in sets:
            found[term] = found.get(term, 0.0) + share
    return found


def _support(problem: Problem, acting: dict[Term, float], values: NDArray[np.float64]) -> SupportFit:
    """What interactions are listed from where nothing can be cross-fitted: the likely sets, by ridge."""
    likely = [term for term, chance in acting.items() if chance >= _LISTED]
    terms = sorted(
        [*((group,) for group in range(problem.n_groups)), *likely], key=lambda term: (len(term), term)
    )
    basis = centred(problem.distribution.p)
    fit = ridge(basis.columns(problem.masks, terms), values[:, None])
    return support_fit(problem.n_groups, terms, fit, 0, basis)
