"""Which fine-tunes a design asks for: a mask and a seed each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spex_data.masks.design import MaskDesign
from spex_data.masks.streams import seed_from

Seeds = Literal["varied", "common"] | Sequence[int]


@dataclass(frozen=True)
class MeasurementPlan:
    """Rows to measure, held-out first, so that a larger budget only adds rows at the end.

    Attributes:
        masks: bool[r, n_groups].
        seeds: int64[r], the training seed of each row.
        roles: str[r], "heldout" or "train"; of what is retrained "verify" or "verify-filtered".
    """

    masks: NDArray[np.bool_]
    seeds: NDArray[np.int64]
    roles: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.roles)

    def chunks(self, size: int) -> Iterator[range]:
        """Index-aligned runs of `size` rows; the last may be shorter."""
        for start in range(0, len(self), size):
            yield range(start, min(start + size, len(self)))


def measurement_plan(
    design: MaskDesign, *, seeds: Seeds = "varied", heldout_seeds: int = 2
) -> MeasurementPlan:
    """The fine-tunes of a design.

    Args:
        design: The masks.
        seeds: "varied": every training mask has its own, hash(study seed, draw number), since what is wanted
            is the mean over seeds; "common": one for all; a list: every mask with every seed of it.
        heldout_seeds: Seeds a held-out mask, K; its value is the mean over them.

    Returns:
        A MeasurementPlan of h K held-out rows and then the training rows.
    """
    rows: list[tuple[NDArray[np.bool_], int, str]] = []
    for mask, draw in zip(design.heldout, design.heldout_draws, strict=True):
        rows += [(mask, seed_from(design.seed, "heldout", draw, k), "heldout") for k in range(heldout_seeds)]
    for mask, draw in zip(design.training, design.training_draws, strict=True):
        rows += [(mask, seed, "train") for seed in _training_seeds(design.seed, int(draw), seeds)]
    masks = np.array([row[0] for row in rows], dtype=np.bool_).reshape(len(rows), design.n_groups)
    return MeasurementPlan(masks, np.array([row[1] for row in rows], np.int64), tuple(row[2] for row in rows))


def _training_seeds(study_seed: int, draw: int, seeds: Seeds) -> list[int]:
    if seeds == "varied":
        return [seed_from(study_seed, "training", draw)]
    if seeds == "common":
        return [seed_from(study_seed, "training")]
    return [int(seed) for seed in seeds]
