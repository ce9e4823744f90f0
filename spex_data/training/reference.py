"""The reference: one adapter, plain PEFT, an ordinary torch optimiser, and nothing clever.

What a value means can be read here and in `schedule`. A faster engine is held against this.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from peft import PeftModel
from torch.nn.functional import cross_entropy

from spex_data.models import BaseModel
from spex_data.training.adapters import reset_adapter
from spex_data.training.encoding import EncodedExamples
from spex_data.training.recipe import LoraRecipe
from spex_data.training.schedule import training_steps

_IGNORED = -100


class NotFinite(ArithmeticError):
    """The loss of a fine-tune became NaN or infinite."""


def finetune_one(
    model: PeftModel,
    base: BaseModel,
    examples: EncodedExamples,
    present: NDArray[np.bool_],
    recipe: LoraRecipe,
    seed: int,
) -> float:
    """Trains the adapter on the present examples, from its initial state.

    Args:
        model: The base model with an adapter on it (`adapted`), in evaluation mode: no dropout.
        base: Its task, device and padding token.
        examples: All examples.
        present: bool[n_examples].
        recipe: How.
        seed: Decides initialisation and order.

    Returns:
        Mean loss of the last epoch's examples, each as it was when trained on; NaN when there were none.

    Raises:
        NotFinite: The loss became NaN or infinite.
    """
    reset_adapter(model, seed)
    steps = training_steps(examples.ids, present, recipe, seed)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = _make_optimiser(parameters, recipe)
    losses = np.full(len(steps), np.nan)
    for number, rows in enumerate(steps):
        if not len(rows):
            continue  # An empty slot: the learning rate moves on, the optimiser does not.
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate(number, len(steps))
        optimiser.zero_grad()
        loss = mean_loss(model, base, examples, rows.tolist())
        if not torch.isfinite(loss):
            raise NotFinite(f"the loss became {loss.item()} in step {number + 1} of {len(steps)}")
        loss.backward()
        if recipe.clip_norm:
            torch.nn.utils.clip_grad_norm_(parameters, recipe.clip_norm)
        optimiser.step()
        losses[number] = loss.item()
    if not present.any():
        return float("nan")
    last = slice(-(len(steps) // recipe.epochs), None)
    return float(np.nansum(losses[last] * [len(rows) for rows in steps[last]]) / present.sum())


def mean_loss(
    model: PeftModel, base: BaseModel, examples: EncodedExamples, rows: Sequence[int]
) -> torch.Tensor:
    """Mean over examples of each one's cross-entropy; that of a completion is the mean over its tokens."""
    longest = max(len(examples.tokens[row]) for row in rows)
    # Padding goes to the right: positions are then those of the text alone.
    tokens = torch.full((len(rows), longest), int(base.tokenizer.pad_token_id))
    mask = torch.zeros_like(tokens)
    labels = torch.full_like(tokens, _IGNORED)
    for place, row in enumerate(rows):
        length, start = len(examples.tokens[row]), examples.starts[row]
        tokens[place, :length] = torch.tensor(examples.tokens[row])
        mask[place, :length] = 1
        labels[place, start : start + len(examples.answers[row])] = torch.tensor(examples.answers[row])
    logits = model(input_ids=tokens.to(base.device), attention_mask=mask.to(base.device)).logits
    logits, labels = _at_least_single(logits), labels.to(base.device)
    if base.task == "classification":
        return cross_entropy(logits, labels[:, 0])
    losses = cross_entropy(logits.transpose(1, 2), labels, ignore_index=_IGNORED, reduction="none")
    return (losses.sum(dim=1) / (labels != _IGNORED).sum(dim=1)).mean()


def _at_least_single(logits: torch.Tensor) -> torch.Tensor:
    return logits if logits.dtype == torch.float64 else logits.float()


def _make_optimiser(parameters: list[torch.nn.Parameter], recipe: LoraRecipe) -> torch.optim.Optimizer:
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.SGD
    return kind(parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
