"""The masks that a study with `masks.scheme: adaptive` would have measured in a world, and their values."""

from __future__ import annotations

import numpy as np
from fidelity_worlds import FidelityWorld
from numpy.typing import NDArray

from spex_data.adaptive import next_round
from spex_data.masks import MaskDesign, MaskDistribution
from spex_data.masks.growth import first_masks

FIRST = 32
"""Masks of the first round; each further one doubles them, so that every budget ends one."""
_FIRST_SEED = 500_000


def adaptive_masks(world: FidelityWorld, budget: int) -> tuple[MaskDesign, NDArray[np.float64]]:
    """The design after so many masks, half of each round chosen, and float64[m, t], what they gave."""
    whole = _drawn(world)
    design, values = first_masks(whole, FIRST), world.values[:FIRST]
    keys = [str(group) for group in range(world.masks.shape[1])]
    while len(design.training) < budget:
        end = min(2 * len(design.training), budget)
        design = next_round(design, whole, values, design.training, end, group_keys=keys)
        values = np.vstack([values, _measured(world, design.training[len(values) :], len(values))])
    return design, values


def _drawn(world: FidelityWorld) -> MaskDesign:
    """The world's masks as a design."""
    count, n = world.masks.shape
    return MaskDesign(
        MaskDistribution("bernoulli", n, 0.5),
        0,
        world.masks,
        world.heldout,
        np.arange(count),
        np.arange(len(world.heldout)),
        exhaustive=False,
    )


def _measured(world: FidelityWorld, masks: NDArray[np.bool_], start: int) -> NDArray[np.float64]:
    """Values of a round, measured where they were not before."""
    world.folder.mkdir(parents=True, exist_ok=True)
    file = world.folder / f"{world.name}-adaptive-{start:03d}-{len(masks)}.npz"
    if file.exists():
        with np.load(file, allow_pickle=False) as held:
            if np.array_equal(held["masks"], masks):
                return np.asarray(held["values"])
    values = world.function(masks, _FIRST_SEED + start + np.arange(len(masks))).values
    np.savez(file, masks=masks, values=values)
    return values
