"""Matching pursuit over products of groups of several kinds, with an exhaustive scan of pairs and triples.

What a pair does may be an AND, an OR, a parity or a centred product, and in its own kind it is one atom where
another needs several. The kind (or all together) and how strictly atoms are taken are chosen by
cross-validation for each target.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding.atoms import Atom, Dictionary
from spex_data.decoding.basis import ABSENT, PARITY, PRESENT, Basis, centred
from spex_data.decoding.folds import choices_elsewhere, chosen_elsewhere, folds
from spex_data.decoding.problem import Problem
from spex_data.decoding.pursuit import pursue
from spex_data.decoding.ridge import RidgeFit, ridge
from spex_data.decoding.support import SupportFit, centred_support
from spex_data.decoding.target_fit import TargetFit
from spex_data.decoding.uncertainty.crossfit import FoldFits
from spex_data.spectra import FourierExpansion

_FOLDS = 5
_STRICTNESS = (1.0, 0.7)
_SKEWED = 0.05
"""From this distance of p to 1/2 parities differ from centred products."""
_HOPELESS = 1.3
"""After two folds a choice with so many times the least error is dropped."""


@dataclass(frozen=True)
class MatchingPursuit:
    """Settings of the algorithm.

    Attributes:
        max_order: Largest atom.
        seed: Of the folds.
        num_threads: Unused; linear algebra takes one.
    """

    max_order: int = 3
    seed: int = 0
    num_threads: int = 1

    def fit(self, problem: Problem) -> list[TargetFit]:
        """Each target by itself; the masks' moments are shared."""
        fold_of = folds(problem.labels, _FOLDS, seed=self.seed)
        signs = (1.0 - 2.0 * problem.masks).astype(np.float32)
        named = kinds_of(problem.distribution.p)
        whole = {name: Dictionary(kinds, signs) for name, kinds in named.items()}
        parts = [
            {name: Dictionary(kinds, signs[fold_of != fold]) for name, kinds in named.items()}
            for fold in range(fold_of.max() + 1)
        ]
        means, scales = problem.values.mean(axis=0), problem.values.std(axis=0)
        values = (problem.values - means) / scales
        return [
            self._fit_one(problem, whole, parts, fold_of, values[:, target]).rescaled(
                float(means[target]), float(scales[target])
            )
            for target in range(problem.n_targets)
        ]

    def _fit_one(
        self,
        problem: Problem,
        whole: dict[str, Dictionary],
        parts: Sequence[dict[str, Dictionary]],
        fold_of: NDArray[np.int64],
        values: NDArray[np.float64],
    ) -> TargetFit:
        choice, predicted, scores, kept = _judged(problem.masks, parts, fold_of, values, self.max_order)
        name, place = choice
        dictionary = whole[name]
        atoms = pursue(dictionary, values, _STRICTNESS, self.max_order)[place]
        fitted = _fitted(dictionary, atoms, values)
        support = _support(problem, fitted, values)
        return TargetFit(
            fitted.expansion,
            support,
            cv_r2=float(1 - ((values - predicted) ** 2).mean()),
            scores=scores,
            settings={"kind": name, "strictness": _STRICTNESS[place], "atoms": len(atoms)},
            out_of_fold=predicted,
            folds=kept,
        )


def skewed(p: float) -> bool:
    """Whether groups are present so often or seldom that centred products are not about parities."""
    return abs(p - 0.5) > _SKEWED


def kinds_of(p: float) -> dict[str, tuple[Basis, ...]]:
    """The choices of atoms where groups are present with probability p."""
    one: dict[str, Basis] = {"centred": centred(p), "and": PRESENT, "or": ABSENT}
    if skewed(p):
        one["parity"] = PARITY
    return {**{name: (basis,) for name, basis in one.items()}, "all": tuple(one.values())}


@dataclass(frozen=True, eq=False)
class _Fitted:
    """Ridge on atoms and single groups: the atoms, the regression, its expansion."""

    atoms: tuple[Atom, ...]
    fit: RidgeFit
    expansion: FourierExpansion

    def predict(self, dictionary: Dictionary) -> NDArray[np.float64]:
        columns = _columns(dictionary, self.atoms)
        return np.asarray((self.fit.intercept + columns @ self.fit.coefficients)[:, 0])


def _fitted(dictionary: Dictionary, atoms: Sequence[Atom], values: NDArray[np.float64]) -> _Fitted:
    """Ridge on the atoms, with or without every single group beside them, as leave-one-out says."""
    active = {members for _, members in atoms}
    others = [(0, (group,)) for group in range(dictionary.n_groups) if (group,) not in active]
    best: tuple[float, tuple[Atom, ...], RidgeFit] | None = None
    for chosen in ((*atoms,), (*atoms, *others)) if atoms else ((*others,),):
        fit = ridge(_columns(dictionary, chosen), values[:, None])
        error = float((fit.loo_residuals**2).mean())
        if best is None or error < best[0]:
            best = error, chosen, fit
    assert best is not None
    _, chosen, fit = best
    return _Fitted(chosen, fit, dictionary.expansion(chosen, fit.coefficients[:, 0], float(fit.intercept[0])))


def _columns(dictionary: Dictionary, atoms: Sequence[Atom]) -> NDArray[np.float64]:
    return np.stack([dictionary.column(atom) for atom in atoms], axis=1)


def _judged(
    masks: NDArray[np.bool_],
    parts: Sequence[dict[str, Dictionary]],
    fold_of: NDArray[np.int64],
    values: NDArray[np.float64],
    max_order: int,
) -> tuple[tuple[str, int], NDArray[np.float64], dict[str, float], FoldFits]:
    """The kinds and strictness of the least out-of-fold error, what they predict, all scores, fold fits."""
    predicted = {
        (name, place): np.zeros(len(values)) for name in parts[0] for place in range(len(_STRICTNESS))
    }
    seen = np.zeros(len(values), dtype=np.bool_)
    expansions: dict[tuple[str, int], list[FourierExpansion]] = {each: [] for each in predicted}
    for fold, dictionaries in enumerate(parts):
        out = fold_of == fold
        signs = (1.0 - 2.0 * masks[out]).astype(np.float32)
        for name in {name: None for name, _ in predicted}:
            dictionary = dictionaries[name]
            found = pursue(dictionary, values[~out], _STRICTNESS, max_order)
            for place, atoms in enumerate(found):
                if (name, place) in predicted:
                    fitted = _fitted(dictionary, atoms, values[~out])
                    predicted[name, place][out] = fitted.predict(Dictionary(dictionary.kinds, signs))
                    expansions[name, place].append(fitted.expansion)
        seen |= out
        errors = {each: float(((values - guess)[seen] ** 2).mean()) for each, guess in predicted.items()}
        if fold >= 1:
            least = min(errors.values())
            predicted = {
                each: guess for each, guess in predicted.items() if errors[each] <= _HOPELESS * least
            }
    best = min(predicted, key=errors.__getitem__)
    scores = {f"{name}/{_STRICTNESS[place]:g}": 1 - errors[name, place] for name, place in predicted}
    guesses, left = np.stack(list(predicted.values())), list(predicted)
    out_of_fold = chosen_elsewhere(guesses, values, fold_of)
    places = choices_elsewhere(guesses, values, fold_of)
    kept = tuple(expansions[left[place]][fold] for fold, place in enumerate(places))
    return best, out_of_fold, scores, FoldFits(fold_of, kept)


def _support(problem: Problem, fitted: _Fitted, values: NDArray[np.float64]) -> SupportFit:
    """What interactions are listed from: centred products of every set within an atom, and of every group.

    In its own kind an atom leaves its subsets no freedom, and intervals would trust that it is of that kind.
    """
    within = chain.from_iterable(
        combinations(members, size) for _, members in fitted.atoms for size in range(1, len(members) + 1)
    )
    return centred_support(problem.masks, problem.distribution.p, within, values)
