"""Many masks in, a bank of adapters out."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike

from spex_data.data import Examples
from spex_data.errors import TrainingError
from spex_data.groups import Grouping
from spex_data.masks import as_masks
from spex_data.models import BaseModel
from spex_data.training.adapter_bank import AdapterBank
from spex_data.training.adapters import adapted, adapter_state, peft_config_json
from spex_data.training.encoding import encode_examples
from spex_data.training.recipe import LoraRecipe
from spex_data.training.reference import NotFinite, finetune_one
from spex_data.training.sites import find_sites


def train_adapters(
    base_model: BaseModel,
    examples: Examples,
    grouping: Grouping,
    masks: ArrayLike,
    recipe: LoraRecipe,
    *,
    seed: int | ArrayLike,
    adapters_per_pass: int | Literal["auto"] = "auto",  # noqa: ARG001 - the reference trains one at a time
    engine: Literal["stacked", "reference"] = "stacked",
) -> AdapterBank:
    """Fine-tunes one adapter a mask.

    Args:
        base_model: Frozen; left as it was.
        examples: All training examples.
        grouping: Their groups.
        masks: bool[K, n_groups].
        recipe: How.
        seed: One for all, or int64[K].
        adapters_per_pass: Adapters trained at once; the reference trains one at a time, whatever is asked.

    Returns:
        The bank; an adapter whose loss was not finite has its cause there, the others are trained.

    Raises:
        TrainingError: The recipe does not fit the model, or an example does not.
    """
    chosen = as_masks(masks, n_groups=grouping.n_groups)
    seeds = np.broadcast_to(np.asarray(seed, dtype=np.int64), (len(chosen),)).copy()
    if not len(chosen):
        raise TrainingError("there are no masks to train on", where="masks", instead="give at least one")
    states: list[dict[str, torch.Tensor]] = []
    losses = np.full(len(chosen), np.nan)
    causes: list[str | None] = [None] * len(chosen)
    encoded = encode_examples(base_model, examples)
    with adapted(base_model, recipe) as model:
        for row, (mask, one_seed) in enumerate(zip(chosen, seeds.tolist(), strict=True)):
            try:
                losses[row] = finetune_one(
                    model, base_model, encoded, grouping.present(mask), recipe, one_seed
                )
            except NotFinite as error:
                causes[row] = str(error)
            states.append(adapter_state(model))
    config = peft_config_json(base_model, recipe, find_sites(base_model, recipe))
    return AdapterBank(
        recipe, base_model.fingerprint, config, chosen, seeds, _stacked(states), losses, tuple(causes)
    )


def _stacked(states: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    return {name: torch.stack([state[name] for state in states]) for name in states[0]}
