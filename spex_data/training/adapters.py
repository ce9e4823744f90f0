"""A recipe in PEFT's own terms: on a base model for a while, and as the file that PEFT reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from peft import LoraConfig, PeftModel
from transformers.pytorch_utils import Conv1D

from spex_data.models import BaseModel
from spex_data.training.peft_model import wearing
from spex_data.training.recipe import LoraRecipe
from spex_data.training.sites import AdapterSites, find_sites

_TASKS = {"classification": "SEQ_CLS", "causal-lm": "CAUSAL_LM"}


def lora_config(base: BaseModel, recipe: LoraRecipe, sites: AdapterSites) -> LoraConfig:
    """PEFT's configuration of a recipe on a model."""
    layers = [base.model.get_submodule(name) for name in sites.adapted]
    return LoraConfig(
        r=recipe.rank,
        lora_alpha=cast(Any, recipe.alpha),
        use_rslora=recipe.rslora,
        lora_dropout=0.0,
        target_modules=list(sites.adapted),
        modules_to_save=list(sites.heads) or None,
        fan_in_fan_out=any(isinstance(layer, Conv1D) for layer in layers),
    )


def peft_config_json(base: BaseModel, recipe: LoraRecipe, sites: AdapterSites) -> str:
    """The text of PEFT's adapter_config.json, for use after training."""
    content = lora_config(base, recipe, sites).to_dict()
    content |= {
        "base_model_name_or_path": base.source,
        "task_type": _TASKS[base.task],
        "inference_mode": True,
        "target_modules": sorted(sites.adapted),
    }
    return json.dumps(content, indent=2, sort_keys=True, default=str)


@contextmanager
def adapted(base: BaseModel, recipe: LoraRecipe) -> Iterator[PeftModel]:
    """The base model with an adapter of the recipe on it, to be given a state, while the block lasts.

    Args:
        base: Left as it was, heads included.
        recipe: Which layers, which rank.

    Yields:
        The adapted model, in evaluation mode.
    """
    with wearing(base, lora_config(base, recipe, find_sites(base, recipe))) as model:
        yield model
