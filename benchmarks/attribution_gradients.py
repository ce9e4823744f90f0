"""A few-line baseline: how far one gradient step on a group would move each target."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spex_data.embedded.pretraining import encode_texts


def group_gradients(base: Any, examples: Any, grouping: Any, targets: Any) -> NDArray[np.float64]:
    """-<gradient of the group's loss, gradient of the target's loss> over the weights that LoRA adapts.

    The first-order influence of a group at the base model, without a Hessian: TracIn with one checkpoint, or
    TRAK without its projection and kernel (Pruthi et al. 2020; Park et al. 2023).

    Returns:
        float64[n_groups, n_targets], higher is better for the target.
    """
    texts = list(zip(examples.inputs, examples.outputs, strict=True))
    groups = [_gradient(base, [texts[row] for row in rows]) for rows in grouping.members]
    asked = [_gradient(base, [pair]) for pair in zip(targets.inputs, targets.answers, strict=True)]
    return np.array([[float(group @ target) for target in asked] for group in groups])


def _gradient(base: Any, texts: list[tuple[str, str]]) -> torch.Tensor:
    model, encoded = base.model, encode_texts(base.tokenizer, texts)
    weights = [
        module.weight for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)
        and "layers" in name
    ]  # fmt: skip
    wanted = [weight.requires_grad for weight in weights]
    for weight in weights:
        weight.requires_grad_(True)
    try:
        with torch.enable_grad():
            labels = encoded.ids.masked_fill(~encoded.scored, -100)
            loss = model(input_ids=encoded.ids, labels=labels).loss * len(texts)
            found = torch.autograd.grad(loss, weights)
    finally:
        for weight, before in zip(weights, wanted, strict=True):
            weight.requires_grad_(before)
    return torch.cat([one.flatten() for one in found]).double()
