"""A gradient baseline: how far training on a group would move each target, to first order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spex_data.surrogate import build_surrogate, group_scores
from spex_data.value_functions import SubsetTraining

_ANCHORS = 4


def group_gradients(function: SubsetTraining, seed: int = 0) -> NDArray[np.float64]:
    """TRAK's scores, summed over groups, from gradients at adapters trained on everything.

    These adapters are a handful of fine-tunes more than the method is charged for.

    Args:
        function: What is attributed.
        seed: Of the first of the adapters.

    Returns:
        float64[n_groups, n_targets], higher is better for the target.
    """
    masks = np.ones((_ANCHORS, function.n_groups), dtype=np.bool_)
    bank = function(masks, seed + np.arange(_ANCHORS)).bank
    assert bank is not None
    surrogate = build_surrogate(
        function.base_model, function.examples, function.grouping, function.targets, function.recipe, [bank]
    )
    return group_scores(surrogate, function.grouping, ridge=0.1)
