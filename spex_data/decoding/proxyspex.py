"""ProxySPEX (Butler et al. 2025): trees as a proxy, their exact Fourier expansion, a refit on large terms.

Trees are grown once without each of five folds, with early stopping, and once on all masks with the number of
trees that the folds agreed on; there is no grid. The folds left out also say how many of the trees' terms a
ridge regression is refitted on, and how far to go from the trees to that refit: what predicts is

    (1 - w) trees + w refit,    w in [0, 1] the least-squares weight out of fold,

so w = 0 where the refit does not help, and w = 1 where it replaces the trees, as it does in the paper.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding.folds import choices_elsewhere, chosen_elsewhere, folds
from spex_data.decoding.problem import Problem
from spex_data.decoding.ridge import ridge
from spex_data.decoding.support import support_fit
from spex_data.decoding.target_fit import TargetFit
from spex_data.decoding.trees.boosting import Boosting, TreeRecipe
from spex_data.decoding.trees.forest import Forest, best_of_grid, grow_forest
from spex_data.decoding.trees.spectrum import read_trees, tree_spectrum
from spex_data.decoding.uncertainty.crossfit import FoldFits
from spex_data.errors import DecodingError
from spex_data.spectra import FourierExpansion, Term, parity_matrix

Grid = Literal["one", "paper"]
GRIDS: tuple[str, ...] = get_args(Grid)
_FOLDS = 5
_RECIPE = TreeRecipe(max_depth=3, learning_rate=0.1, rounds=600)
_SIZES = (0, 5, 10, 20, 40, 80, 160)
"""Terms that a refit may take from the trees, beside every single group."""
_PAPER_SIZES = (200,)
_SHARE = 0.6
"""Terms a refit may take, as a share of the masks it sees."""


@dataclass(frozen=True)
class ProxySpex:
    """Settings of the algorithm.

    Attributes:
        max_order: Largest set in the expansion; with grid="one" also the depth of the trees.
        seed: Of the folds and of LightGBM.
        num_threads: Of LightGBM; the result does not depend on it.
        grid: "one": one recipe for the trees, with early stopping. "paper": the published grid of 18
            recipes and a refit on 200 terms that is taken whole or not at all, at some hundred times the
            cost.
    """

    max_order: int = 3
    seed: int = 0
    num_threads: int = 1
    grid: str = "one"

    def __post_init__(self) -> None:
        if self.grid not in GRIDS:
            raise DecodingError(f"is {self.grid!r}", where="grid", instead=f"write one of {', '.join(GRIDS)}")

    def fit(self, problem: Problem) -> list[TargetFit]:
        """Each target by itself, all on the same folds."""
        fold_of = folds(problem.labels, _FOLDS, seed=self.seed)
        return [self._fit_one(problem, fold_of, values) for values in problem.values.T]

    def _fit_one(self, problem: Problem, fold_of: NDArray[np.int64], raw: NDArray[np.float64]) -> TargetFit:
        mean, scale = float(raw.mean()), float(raw.std())
        values = (raw - mean) / scale
        boosting = Boosting(self.seed, self.num_threads)
        forest = self._forest(boosting, problem.masks, values, fold_of)
        judged = _judge_refits(forest, problem.masks, values, fold_of, published=self.grid == "paper")
        booster, n_trees = boosting.train(forest.recipe, problem.masks, values)
        trees = FourierExpansion(
            problem.n_groups, *tree_spectrum(read_trees(booster, n_trees), max_order=self.max_order)
        )
        terms = _support(trees, judged.size)
        fitted = ridge(parity_matrix(problem.masks, terms), values[:, None])
        refit = support_fit(problem.n_groups, terms, fitted, 0)
        return TargetFit(
            _blend(trees, refit.expansion, judged.weight),
            refit,
            cv_r2=judged.scores["blend"],
            scores=judged.scores,
            settings={
                "depth": forest.recipe.max_depth,
                "learning_rate": forest.recipe.learning_rate,
                "trees": n_trees,
                "refit_terms": len(terms),
                "refit_weight": judged.weight,
                "penalty": refit.penalty,
            },
            out_of_fold=judged.predicted,
            folds=FoldFits(fold_of, judged.expansions),
        ).rescaled(mean, scale)

    def _forest(
        self,
        boosting: Boosting,
        masks: NDArray[np.bool_],
        values: NDArray[np.float64],
        fold_of: NDArray[np.int64],
    ) -> Forest:
        if self.grid == "paper":
            return best_of_grid(boosting, masks, values, fold_of, max_order=self.max_order)
        recipe = replace(_RECIPE, max_depth=self.max_order)
        return grow_forest(boosting, recipe, masks, values, fold_of, max_order=self.max_order)


@dataclass(frozen=True)
class _Judged:
    """The best refit out of fold: terms, weight, what the blend predicts, all scores, each fold's fit."""

    size: int
    weight: float
    predicted: NDArray[np.float64]
    scores: dict[str, float]
    expansions: tuple[FourierExpansion, ...]


def _judge_refits(
    forest: Forest,
    masks: NDArray[np.bool_],
    values: NDArray[np.float64],
    fold_of: NDArray[np.int64],
    *,
    published: bool,
) -> _Judged:
    seen = int((fold_of[:, None] != np.arange(fold_of.max() + 1)).sum(axis=0).min())
    allowed = _PAPER_SIZES if published else _SIZES
    sizes = [size for size in allowed if size <= _SHARE * seen] or [int(_SHARE * seen)]
    predicted = np.zeros((len(sizes), len(values)))
    refits: list[list[FourierExpansion]] = []
    for fold, trees in enumerate(forest.spectra):
        out = fold_of == fold
        refits.append([])
        for row, size in enumerate(sizes):
            terms = _support(trees, size)
            fitted = ridge(parity_matrix(masks[~out], terms), values[~out, None])
            predicted[row, out] = (fitted.intercept + parity_matrix(masks[out], terms) @ fitted.coefficients)[
                :, 0
            ]
            refits[-1].append(support_fit(trees.n_groups, terms, fitted, 0).expansion)
    best = int(((predicted - values) ** 2).mean(axis=1).argmin())
    step = predicted[best] - forest.predicted
    weight = float(np.clip(step @ (values - forest.predicted) / max(step @ step, 1e-300), 0.0, 1.0))
    weight = float(weight > 0.5) if published else weight
    blend = forest.predicted + weight * step
    blends = forest.predicted + weight * (predicted - forest.predicted)
    scores = {"trees": forest.predicted, "refit": predicted[best], "blend": blend}
    guesses = np.stack([forest.predicted, *blends])
    return _Judged(
        sizes[best],
        weight,
        chosen_elsewhere(guesses, values, fold_of),
        {name: float(1 - ((values - guess) ** 2).mean()) for name, guess in scores.items()},
        tuple(
            _blend(trees, refits[fold][place - 1], weight) if place else trees
            for fold, (trees, place) in enumerate(
                zip(forest.spectra, choices_elsewhere(guesses, values, fold_of), strict=True)
            )
        ),
    )


def _support(trees: FourierExpansion, size: int) -> list[Term]:
    """Every single group, and the `size` largest of the trees' terms."""
    order = np.argsort(-np.abs(trees.coefficients), kind="stable")
    largest = [trees.terms[place] for place in order if trees.terms[place]][:size]
    terms = {(group,) for group in range(trees.n_groups)}.union(largest)
    return sorted(terms, key=lambda term: (len(term), term))


def _blend(trees: FourierExpansion, refit: FourierExpansion, weight: float) -> FourierExpansion:
    total = {term: (1 - weight) * value for term, value in zip(trees.terms, trees.coefficients, strict=True)}
    for term, value in zip(refit.terms, refit.coefficients, strict=True):
        total[term] = total.get(term, 0.0) + weight * value
    return FourierExpansion.from_mapping(
        trees.n_groups, {term: value for term, value in total.items() if value != 0.0 or not term}
    )
