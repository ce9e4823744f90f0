"""A PEFT configuration on a base model: put on, read, given a state, taken off without a trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict

from spex_data.models import BaseModel
from spex_data.models.quiet import quietly


@contextmanager
def wearing(base: BaseModel, config: LoraConfig) -> Iterator[PeftModel]:
    """The base model with an adapter of that configuration on it, for as long as the block lasts.

    Args:
        base: Left as it was, heads included.
        config: Which layers, which rank, which heads.

    Yields:
        The adapted model, in evaluation mode.
    """
    heads = {name: base.model.get_submodule(name) for name in config.modules_to_save or ()}
    with torch.random.fork_rng(devices=[]), quietly():
        model = get_peft_model(base.model, config)
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


def adapter_state(model: PeftModel) -> dict[str, torch.Tensor]:
    """A copy of the adapter, as PEFT names and saves it, on the CPU."""
    state = get_peft_model_state_dict(model, save_embedding_layers=False)
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in state.items()}


def load_adapter_state(model: PeftModel, state: Mapping[str, torch.Tensor]) -> None:
    """Puts a state that `adapter_state` gave onto the model."""
    set_peft_model_state_dict(model, dict(state))
