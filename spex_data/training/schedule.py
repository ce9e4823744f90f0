"""Which present examples each step of a fine-tune trains on.

An example's place in an epoch is u = hash(seed, epoch, example id) in [0, 1): one 64-bit hash of seed and id,
then a SplitMix64 counter over the epochs (`uniforms`). No example's u depends on which others are present.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spex_data.masks.streams import uniforms
from spex_data.training.recipe import LoraRecipe

_STREAM = "order"


def training_steps(
    example_ids: Sequence[str], present: NDArray[np.bool_], recipe: LoraRecipe, seed: int
) -> list[NDArray[np.int64]]:
    """The rows of every step of a fine-tune.

    Fixed: in each epoch example x sits in slot floor(S u), in the order of u; a slot may be empty. Filtered:
    the present examples in the order of u, cut into whole batches of `batch_size` and a rest.

    Args:
        example_ids: Ids of all examples.
        present: bool[n_examples].
        recipe: Its schedule, S, epochs or steps, and batch size count.
        seed: The training seed.

    Returns:
        int64[rows of the step], one array a step, `epochs` times S of them in the fixed schedule, or
        `max_steps`. None at all in the filtered schedule when no example is present.
    """
    rows = np.flatnonzero(present)
    an_epoch = steps_of_an_epoch(recipe, len(example_ids), len(rows))
    epochs = -(-recipe.max_steps // max(1, an_epoch)) if recipe.max_steps else recipe.epochs
    places = uniforms(seed, _STREAM, [example_ids[row] for row in rows.tolist()], np.arange(epochs))
    slots = recipe.slots(len(example_ids))
    steps: list[NDArray[np.int64]] = []
    for u in places:
        order = u.argsort(kind="stable")
        if recipe.schedule == "fixed":
            cuts = np.searchsorted(np.floor(slots * u[order]), np.arange(1, slots))
        else:
            cuts = np.arange(recipe.batch_size, len(rows), recipe.batch_size)
        if recipe.schedule == "fixed" or len(rows):
            steps += np.split(rows[order], cuts)
    return steps[: recipe.max_steps or None]


def steps_of_an_epoch(recipe: LoraRecipe, n_examples: int, n_present: int) -> int:
    """Steps of one epoch: S in the fixed schedule, the batches that the present examples fill in the other.

    Args:
        recipe: Its schedule.
        n_examples: Examples in all.
        n_present: Examples present.
    """
    return recipe.slots(n_examples) if recipe.schedule == "fixed" else -(-n_present // recipe.batch_size)
