"""PEFT's adapters on a base model: put on for a while, given a state, taken off without a trace."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from transformers.pytorch_utils import Conv1D

from spex_data.models import BaseModel
from spex_data.models.quiet import quietly
from spex_data.training.recipe import LoraRecipe
from spex_data.training.sites import AdapterSites, find_sites, initial_matrix

PREFIX = "base_model.model."
"""What PEFT puts before a module's name when it names parameters."""
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
    """The base model with a fresh adapter on it, for as long as the block lasts.

    Args:
        base: Left as it was, heads included.
        recipe: Which layers, which rank.

    Yields:
        The adapted model, in evaluation mode.
    """
    sites = find_sites(base, recipe)
    heads = {name: base.model.get_submodule(name) for name in sites.heads}
    with torch.random.fork_rng(devices=[]), quietly():
        model = get_peft_model(base.model, lora_config(base, recipe, sites))
    model.eval()
    try:
        yield cast(PeftModel, model)
    finally:
        with quietly():
            model.unload()
        for name, module in heads.items():
            # PEFT leaves its trained copy of a head behind.
            base.model.set_submodule(name, module)
        base.model.requires_grad_(False)
        # Else PEFT warns of a second adapter the next time.
        vars(base.model).pop("peft_config", None)


def reset_adapter(model: PeftModel, seed: int) -> None:
    """Gives an adapter its initial state: A as `initial_matrix`, B zero, heads as the base model's."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_A." in name:
                module = name.removeprefix(PREFIX).partition(".lora_A.")[0]
                parameter.copy_(initial_matrix(seed, module, *parameter.shape))
            elif ".lora_B." in name:
                parameter.zero_()
            elif ".modules_to_save." in name:
                module, _, rest = name.partition(".modules_to_save.default.")
                parameter.copy_(model.get_parameter(f"{module}.original_module.{rest}"))


def adapter_state(model: PeftModel) -> dict[str, torch.Tensor]:
    """A copy of the adapter, as PEFT names and saves it, on the CPU."""
    state = get_peft_model_state_dict(model, save_embedding_layers=False)
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in state.items()}


def load_adapter_state(model: PeftModel, state: Mapping[str, torch.Tensor]) -> None:
    """Puts a state that `adapter_state` gave onto the model."""
    set_peft_model_state_dict(model, dict(state))
