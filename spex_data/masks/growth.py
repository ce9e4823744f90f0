"""Designs that grow: the first masks of one, and further ones that were chosen or come from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spex_data.masks.design import MaskDesign
from spex_data.masks.streams import identity, seed_from


def first_masks(design: MaskDesign, count: int) -> MaskDesign:
    """A design with the first `count` training masks of another, which must not be coded."""
    if count >= len(design.training):
        return design
    lawful = None if design.lawful is None else design.lawful[:count]
    return replace(
        design,
        training=design.training[:count],
        training_draws=design.training_draws[:count],
        lawful=lawful,
        exhaustive=False,
    )


def with_masks(
    design: MaskDesign, masks: NDArray[np.bool_], draws: NDArray[np.int64], lawful: NDArray[np.bool_]
) -> MaskDesign:
    """A design with further training masks at its end.

    Args:
        design: What there is.
        masks: bool[k, n_groups], none of them in the design.
        draws: int64[k], their draw numbers.
        lawful: bool[k], which of them are draws from the distribution.
    """
    before = np.ones(len(design.training), dtype=np.bool_) if design.lawful is None else design.lawful
    training = np.vstack([design.training, masks])
    n_all = 2**design.n_groups if design.n_groups < 60 else None
    return replace(
        design,
        training=training,
        training_draws=np.concatenate([design.training_draws, draws]),
        lawful=np.concatenate([before, lawful]),
        exhaustive=len(training) + len(design.heldout) == n_all,
    )


def chosen_draws(group_keys: Sequence[str], masks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The draw number of masks that no stream drew: a hash of their groups, in whatever order these stand.

    So a mask has the same training seed whichever round chose it.
    """
    return np.array([seed_from("chosen", identity(group_keys, mask)) for mask in masks], dtype=np.int64)


def n_lawful(design: MaskDesign) -> int:
    """Training masks that are draws from the distribution."""
    return len(design.training) if design.lawful is None else int(design.lawful.sum())


def without(masks: NDArray[np.bool_], others: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """bool[k], which of k masks are not among others: bool[q, n_groups]."""
    known = {row.tobytes() for row in np.packbits(others, axis=1)}
    return np.array([row.tobytes() not in known for row in np.packbits(masks, axis=1)], dtype=np.bool_)
