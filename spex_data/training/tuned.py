"""A base model fine-tuned on all examples, its adapter added into the weights."""

from __future__ import annotations

import copy
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from spex_data.data import Examples
from spex_data.errors import TrainingError
from spex_data.groups.grouping import make_grouping
from spex_data.models import BaseModel, fingerprint
from spex_data.models.quiet import quietly
from spex_data.training.adapter_bank import AdapterBank, bank_keys
from spex_data.training.adapters import adapted
from spex_data.training.peft_model import load_adapter_state
from spex_data.training.recipe import LoraRecipe
from spex_data.training.train import train_adapters


def tuned_model(
    base: BaseModel, examples: Examples, recipe: LoraRecipe, *, seed: int, cache: Path | None = None
) -> BaseModel:
    """The model that fine-tuning one adapter on every example gives: the data lens's mask of all ones.

    W + (alpha / rank) B A in place of W, and the adapter's own head; no PEFT layer is left, so that the
    modules have the names that the checkpoint gave them.

    Args:
        base: Frozen; left as it was.
        examples: All of them are trained on.
        recipe: How.
        seed: Of the training.
        cache: Folder where the adapter is kept under its content, and looked for; None trains anew.

    Raises:
        TrainingError: The loss became NaN or infinite.
    """
    bank = _kept(base, examples, recipe, seed, cache)
    if bank.causes[0] is not None:
        raise TrainingError(
            f"fine-tuning on all of the data failed: {bank.causes[0]}",
            where="training",
            instead="lower training.learning_rate, or set training.clip_norm",
        )
    own = replace(base, model=copy.deepcopy(base.model))
    with adapted(own, recipe) as model:
        load_adapter_state(model, bank.state(0))
        # A copy, because leaving the block takes the adapter off again.
        worn = copy.deepcopy(model)
    with quietly(), torch.inference_mode(False):
        merged = cast(Any, worn).merge_and_unload()
    merged.eval().requires_grad_(False)
    vars(merged).pop("peft_config", None)
    name = fingerprint(merged, base.tokenizer)
    return replace(base, model=merged, fingerprint=name, initialised=())


def _kept(
    base: BaseModel, examples: Examples, recipe: LoraRecipe, seed: int, cache: Path | None
) -> AdapterBank:
    parts = (base.fingerprint, recipe.fingerprint, recipe.slots(len(examples)), examples.content_hash, seed)
    key = blake2b("/".join(map(str, parts)).encode(), digest_size=16).hexdigest()
    file = None if cache is None else cache / f"all-{key[:16]}.safetensors"
    if file is not None and file.is_file() and list(bank_keys(file)) == [key]:
        return AdapterBank.load(file)
    owners = np.arange(len(examples)) % 2  # a grouping has two groups at least
    grouping = make_grouping(examples.ids, owners.tolist(), ["first half", "second half"])
    bank = train_adapters(base, examples, grouping, np.ones((1, 2), dtype=np.bool_), recipe, seed=seed)
    if file is not None and bank.causes[0] is None:
        file.parent.mkdir(parents=True, exist_ok=True)
        bank.save(file, keys=[key])
    return bank
