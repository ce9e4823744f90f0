"""Many masks in, a bank of adapters out."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from spex_data.data import Examples
from spex_data.errors import TrainingError
from spex_data.groups import Grouping
from spex_data.masks import as_masks
from spex_data.models import BaseModel
from spex_data.training.adapter_bank import AdapterBank
from spex_data.training.adapters import peft_config_json
from spex_data.training.encoding import encode_examples
from spex_data.training.engine.memory import fitting
from spex_data.training.engine.passes import PreparedExamples, prepare_examples, train_in_passes
from spex_data.training.engine.training import Trained
from spex_data.training.peft_model import adapter_state
from spex_data.training.recipe import LoraRecipe
from spex_data.training.reference import NotFinite, finetune_one, plain_adapter, plain_examples
from spex_data.training.sites import find_sites

Engine = Literal["stacked", "reference"]


def train_adapters(
    base_model: BaseModel,
    examples: Examples,
    grouping: Grouping,
    masks: ArrayLike,
    recipe: LoraRecipe,
    *,
    seed: int | ArrayLike,
    adapters_per_pass: int | Literal["auto"] = "auto",
    engine: Engine = "stacked",
    prepared: PreparedExamples | None = None,
) -> AdapterBank:
    """Fine-tunes one adapter a mask.

    An adapter depends on the model, the recipe, S, its seed and its present examples alone: to the last bit
    where the same adapters share a pass, to float tolerance otherwise.

    Args:
        base_model: Frozen; left as it was.
        examples: All training examples.
        grouping: Their groups.
        masks: bool[K, n_groups].
        recipe: How.
        seed: One for all, or int64[K].
        adapters_per_pass: Adapters trained at once; "auto" for what suits sizes and device, without asking a
            clock, so that a second call gives the same bits (`probe_pass_size` measures). When memory runs
            out half as many are, and a warning says so.
        engine: "stacked" trains many adapters in one pass, "reference" one at a time with plain PEFT.
        prepared: From `prepare_examples` on the same model, examples and recipe, so that calls share it.

    Returns:
        The bank; an adapter whose loss was not finite has its cause there, the others are trained.

    Raises:
        TrainingError: The recipe does not fit the model, an example does not, `prepared` is of others, or not
            even one adapter fits into memory.
    """
    chosen = as_masks(masks, n_groups=grouping.n_groups)
    if not len(chosen):
        raise TrainingError("there are no masks to train on", where="masks", instead="give at least one")
    seeds = np.broadcast_to(np.asarray(seed, dtype=np.int64), (len(chosen),)).copy()
    present, each = grouping.present(chosen), seeds.tolist()
    if engine == "reference":
        trained = _one_by_one(base_model, examples, present, recipe, each)
    else:
        prepared = _checked(base_model, examples, recipe, prepared)
        trained = train_in_passes(base_model, prepared, present, recipe, each, adapters_per_pass)
    config = peft_config_json(base_model, recipe, find_sites(base_model, recipe))
    return AdapterBank(
        recipe,
        base_model.fingerprint,
        config,
        chosen,
        seeds,
        trained.tensors,
        trained.losses,
        trained.causes,
        trained.adapters_per_pass,
    )


def _checked(
    base: BaseModel, examples: Examples, recipe: LoraRecipe, prepared: PreparedExamples | None
) -> PreparedExamples:
    if prepared is None:
        return prepare_examples(base, examples, recipe)
    if (prepared.examples.ids, prepared.sites) != (examples.ids, find_sites(base, recipe)):
        raise TrainingError("are of other examples or another recipe", where="the prepared examples")
    return prepared


def _one_by_one(
    base: BaseModel,
    examples: Examples,
    present: NDArray[np.bool_],
    recipe: LoraRecipe,
    seeds: list[int],
) -> Trained:
    find_sites(base, recipe)  # for what these two refuse; the reference reads both in its own way
    encode_examples(base, examples)
    states: list[dict[str, torch.Tensor]] = []
    losses, causes = np.full(len(seeds), np.nan), [None] * len(seeds)  # type: tuple[NDArray, list[str | None]]
    plain = plain_examples(base, examples)
    with fitting(), plain_adapter(base, recipe) as model:
        for row, seed in enumerate(seeds):
            try:
                losses[row] = finetune_one(model, base, plain, present[row], recipe, seed)
            except NotFinite as error:
                causes[row] = str(error)
            states.append(adapter_state(model))
    tensors = {name: torch.stack([state[name] for state in states]) for name in states[0]}
    return Trained(tensors, losses, tuple(causes), 1)
