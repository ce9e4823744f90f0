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
