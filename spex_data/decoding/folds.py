"""Folds of cross-validation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def folds(labels: NDArray[np.int64], n_folds: int, *, seed: int) -> NDArray[np.int64]:
    """Deals labels out into folds of nearly equal size, so that rows of one label are never parted.

    Args:
        labels: int64[m].
        n_folds: At most so many folds; fewer where there are fewer labels.
        seed: Of the shuffle.

    Returns:
        int64[m], each row's fold, all of 0..max occurring.
    """
    names, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    n_folds = max(1, min(n_folds, len(names)))
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[
        np.argsort(-counts[order], kind="stable")
    ]  # the large ones first, each to the emptiest fold
    sizes = np.zeros(n_folds, dtype=np.int64)
    fold_of = np.empty(len(names), dtype=np.int64)
    for name in order:
        fold_of[name] = int(sizes.argmin())
        sizes[fold_of[name]] += counts[name]
    return fold_of[inverse.reshape(-1)]


def chosen_elsewhere(
    predicted: NDArray[np.float64], values: NDArray[np.float64], fold_of: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Out-of-fold predictions of the best of several candidates, chosen for each fold on the other folds.

    The candidate that is best on all folds looks better on them than it is; this does not.

    Args:
        predicted: float64[q, m], out-of-fold predictions of q candidates.
        values: float64[m].
        fold_of: int64[m].

    Returns:
        float64[m].
    """
    found = np.zeros(len(values))
    for fold, choice in enumerate(choices_elsewhere(predicted, values, fold_of)):
        out = fold_of == fold
        found[out] = predicted[choice, out]
    return found


def choices_elsewhere(
    predicted: NDArray[np.float64], values: NDArray[np.float64], fold_of: NDArray[np.int64]
) -> list[int]:
    """The candidate that `chosen_elsewhere` takes for each fold; its arguments."""
    errors = (predicted - values) ** 2
    outs = [fold_of == fold for fold in range(fold_of.max() + 1)]
    return [int((errors if out.all() else errors[:, ~out]).sum(axis=1).argmin()) for out in outs]
