"""One number a group: what its gradients say that it does to each target, with nothing simulated."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spex_data.errors import TrainingError
from spex_data.groups import Grouping
from spex_data.surrogate.surrogate import Surrogate

_ROWS = 1024
"""Examples whose features are there in double precision at a time."""


def group_scores(
    surrogate: Surrogate, grouping: Grouping, *, ridge: float | None = None
) -> NDArray[np.float64]:
    """Gradient attribution, summed over the examples of each group.

    With K the tangent kernel, J the slopes of targets by the margins of their answers at the base model, s
    1 / tokens of an answer and p the probability of a piece at the anchors,

        score(g, t) = sum over pieces i of group g of (J K)_ti s_i (1 - p_i),

    the first-order effect of training on g (TracIn: Pruthi et al. 2020). With a ridge, K_ti is replaced by
    (K_t (K + lambda)^-1)_i, lambda the ridge times the mean of K's diagonal: TRAK (Park et al. 2023, section
    3), whose features are the same projected gradients. It is linear in masks: it can hold no interaction.

    Args:
        surrogate: Gradients of examples and targets.
        grouping: Of the same examples.
        ridge: Of TRAK, such as 0.1; None for the first-order effect.

    Returns:
        float64[n_groups, t], higher is better for the target, up to a factor.

    Raises:
        TrainingError: A ridge that is not positive.
    """
    if ridge is not None and not ridge > 0:
        raise TrainingError(f"is {ridge}", where="ridge", instead="write a number above 0, or None")
    tangent = surrogate.tangent
    count = len(tangent.training)
    training, asked = tangent.features[:count], tangent.features[count:].astype(np.float64)
    if ridge is not None:
        asked = _whitened(training, asked, ridge)
    effect = np.concatenate([asked @ part.T for part in _parts(training)], axis=1)
    shares = 1.0 / tangent.training.tokens[tangent.training.owners]
    each = tangent.slopes() @ effect * (shares * surrogate.pull)
    of_examples = np.zeros((len(tangent.training.lengths), each.shape[0]))
    np.add.at(of_examples, tangent.training.owners, each.T)
    return np.array([of_examples[list(rows)].sum(axis=0) for rows in grouping.members])


def _whitened(training: NDArray[np.float32], asked: NDArray[np.float64], ridge: float) -> NDArray[np.float64]:
    """float64[q, d], features of queries times (F'F + lambda)^-1, F the training features.

    With f_t the features of a query, K_t (K + lambda)^-1 = f_t' F' (F F' + lambda)^-1 is the same as
    f_t' (F'F + lambda)^-1 F': as many equations as features, however many examples there are.
    """
    width = training.shape[1]
    inner = np.zeros((width, width))
    for part in _parts(training):
        inner += part.T @ part
    # The trace of F'F is that of the kernel.
    inner[np.diag_indices(width)] += ridge * float(np.trace(inner)) / len(training)
    return np.asarray(np.linalg.solve(inner, asked.T).T, dtype=np.float64)


def _parts(training: NDArray[np.float32]) -> Iterator[NDArray[np.float64]]:
    """Some rows after another, in double precision."""
    for start in range(0, len(training), _ROWS):
        yield training[start : start + _ROWS].astype(np.float64)
