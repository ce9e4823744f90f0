"""New parameters of a model, drawn from a seed of ours."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

import torch
from transformers import PreTrainedModel


def initialise_head(model: PreTrainedModel, missing: Collection[str], seed: int) -> tuple[str, ...]:
    """Draws a classification head anew, with whatever else a checkpoint lacked.

    Matrices are normal with the standard deviation that the model's configuration gives for its own layers,
    biases 0, scales of normalisations 1. Each parameter has a stream of its own, hash(seed, name), on the
    CPU in float32: the same on every device, in every precision, whatever was drawn before.

    Args:
        model: Sequence classifier whose parameters outside its base model are the head.
        missing: Names of further parameters that the checkpoint had no value for.
        seed: Of the head.

    Returns:
        Names of all parameters drawn, sorted.
    """
    backbone = f"{model.base_model_prefix}."
    deviation = float(getattr(model.config, "initializer_range", 0.02) or 0.02)
    drawn = []
    for name, parameter in sorted(model.named_parameters()):
        if name in missing or not name.startswith(backbone):
            with torch.no_grad():
                parameter.copy_(_draw(name, parameter.shape, deviation, seed))
            drawn.append(name)
    return tuple(drawn)


def _draw(name: str, shape: torch.Size, deviation: float, seed: int) -> torch.Tensor:
    if len(shape) < 2:
        return torch.full(shape, 0.0 if name.endswith("bias") else 1.0, dtype=torch.float32)
    digest = hashlib.sha256(f"head {seed} {name}".encode()).digest()
    generator = torch.Generator("cpu").manual_seed(int.from_bytes(digest[:8], "big") >> 1)
    return torch.randn(shape, generator=generator, dtype=torch.float32, device="cpu") * deviation
