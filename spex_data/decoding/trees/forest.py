"""Trees grown once without each fold, for what they say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding.trees.boosting import Boosting, TreeRecipe
from spex_data.decoding.trees.spectrum import read_trees, tree_spectrum
from spex_data.spectra import FourierExpansion

PAPER_DEPTHS, PAPER_RATES, PAPER_ROUNDS = (3, 5, -1), (0.1, 0.01), (500, 1000, 5000)
"""The grid of the ProxySPEX paper."""


@dataclass(frozen=True)
class Forest:
    """Trees for each fold, grown on the other folds.

    Attributes:
        recipe: How they were grown; its rounds are what a fit on all masks should use.
        spectra: The expansion of each fold's trees, up to the order asked for.
        predicted: float64[m], what the trees grown without a row say of it.
    """

    recipe: TreeRecipe
    spectra: tuple[FourierExpansion, ...]
    predicted: NDArray[np.float64]


def grow_forest(
    boosting: Boosting,
    recipe: TreeRecipe,
    masks: NDArray[np.bool_],
    values: NDArray[np.float64],
    fold_of: NDArray[np.int64],
    *,
    max_order: int,
) -> Forest:
    """Grows trees without each fold until they stop getting better on it.

    Args:
        boosting: What all fits share.
        recipe: How to grow.
        masks: bool[m, n_groups].
        values: float64[m], of unit scale.
        fold_of: int64[m].
        max_order: Largest set kept of the trees.

    Returns:
        A Forest whose recipe has a tenth more rounds than the folds' mean, for the fit that sees more masks.
    """
    grown = [
        boosting.train(
            recipe,
            masks[fold_of != fold],
            values[fold_of != fold],
            (masks[fold_of == fold], values[fold_of == fold]),
        )
        for fold in range(fold_of.max() + 1)
    ]
    counts = np.array([n_trees for _, n_trees in grown])
    # the other folds say how many trees predict a fold, or they would look better than they are
    others = np.rint((counts.sum() - counts) / max(len(counts) - 1, 1)).astype(np.int64)
    used = np.maximum(others, 1) if len(counts) > 1 else counts
    spectra = [
        FourierExpansion(
            masks.shape[1],
            *tree_spectrum(read_trees(booster, min(int(trees), booster.num_trees())), max_order=max_order),
        )
        for (booster, _), trees in zip(grown, used, strict=True)
    ]
    rounds = max(1, round(1.1 * float(counts.mean())))
    return _forest(replace(recipe, rounds=rounds), spectra, masks, fold_of)


def best_of_grid(
    boosting: Boosting,
    masks: NDArray[np.bool_],
    values: NDArray[np.float64],
    fold_of: NDArray[np.int64],
    *,
    max_order: int,
) -> Forest:
    """The recipe of the paper's grid with the least out-of-fold error.

    Boosting adds trees one by one, so the longest fit of each depth and rate holds the shorter ones.

    Args:
        boosting, masks, values, fold_of, max_order: As for `grow_forest`.
    """
    best: Forest | None = None
    least = np.inf
    for depth, rate in product(PAPER_DEPTHS, PAPER_RATES):
        recipe = TreeRecipe(depth, rate, PAPER_ROUNDS[-1], published=True)
        boosters = [
            boosting.train(recipe, masks[fold_of != fold], values[fold_of != fold])[0]
            for fold in range(fold_of.max() + 1)
        ]
        for rounds in PAPER_ROUNDS:
            spectra = [
                FourierExpansion(
                    masks.shape[1], *tree_spectrum(read_trees(booster, rounds), max_order=max_order)
                )
                for booster in boosters
            ]
            forest = _forest(replace(recipe, rounds=rounds), spectra, masks, fold_of)
            error = float(((forest.predicted - values) ** 2).mean())
            if error < least:
                best, least = forest, error
    if best is None:
        raise ValueError("values are not finite")
    return best


def _forest(
    recipe: TreeRecipe,
    spectra: Sequence[FourierExpansion],
    masks: NDArray[np.bool_],
    fold_of: NDArray[np.int64],
) -> Forest:
    predicted = np.zeros(len(masks))
    for fold, spectrum in enumerate(spectra):
        predicted[fold_of == fold] = spectrum.evaluate(masks[fold_of == fold])
    return Forest(recipe, tuple(spectra), predicted)
