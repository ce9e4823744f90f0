"""Which of the adapters already trained a surrogate takes its gradients at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spex_data.errors import TrainingError
from spex_data.models import BaseModel
from spex_data.training import AdapterBank, LoraRecipe

ANCHORS = 8
"""Anchors of a surrogate: with 16 it is hardly better, and costs twice as much."""


def spread_masks(masks: NDArray[np.bool_], count: int) -> list[int]:
    """Rows of masks far from each other: the first, then always the one whose nearest is furthest.

    Args:
        masks: bool[m, n_groups], of adapters that may serve.
        count: Anchors wanted.

    Returns:
        `count` rows, in ascending order.

    Raises:
        TrainingError: There are fewer masks than anchors.
    """
    if len(masks) < count:
        raise TrainingError(
            f"needs {count} adapters as anchors, and {len(masks)} are kept",
            where="decoding.surrogate",
            instead="write training.keep: all and a larger masks.budget, or decoding.surrogate: off",
        )
    chosen = [0]
    nearest = (masks != masks[0]).sum(axis=1)
    while len(chosen) < count:
        nearest[chosen] = -1
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, (masks != masks[chosen[-1]]).sum(axis=1))
    return sorted(chosen)


def check_anchors(banks: Sequence[AdapterBank], base: BaseModel, recipe: LoraRecipe) -> None:
    """Refuses anchors that say nothing of this model and recipe.

    Raises:
        TrainingError: No anchor at all, one of another model or recipe, or one whose loss is not finite.
    """
    if not sum(len(bank) for bank in banks):
        raise TrainingError(
            "has no adapters to take gradients at",
            where="decoding.surrogate",
            instead="write training.keep: all and run again: each anchor is one more fine-tune",
        )
    for bank in banks:
        if bank.base_fingerprint != base.fingerprint:
            raise TrainingError(
                f"was trained on the model {bank.base_fingerprint[:12]}, not on {base.fingerprint[:12]}",
                where="an anchor of decoding.surrogate",
                instead="give adapters of one base model",
            )
        if bank.recipe.fingerprint != recipe.fingerprint:
            raise TrainingError(
                f"was trained by the recipe {bank.recipe.fingerprint}, not by {recipe.fingerprint}",
                where="an anchor of decoding.surrogate",
                instead="give adapters of one recipe, or write decoding.surrogate: off",
            )
        odd = [row for row, loss in enumerate(bank.losses) if bank.causes[row] or not np.isfinite(loss)]
        if odd:
            why = bank.causes[odd[0]] or f"its loss is {bank.losses[odd[0]]}"
            raise TrainingError(
                f"did not train ({why})",
                where="an anchor of decoding.surrogate",
                instead="leave out adapters that failed, or that trained on nothing",
            )
