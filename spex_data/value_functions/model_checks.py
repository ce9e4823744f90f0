"""What is said of a model that cannot be looked into by hiding parts of a text."""

from __future__ import annotations

import torch

from spex_data.errors import ModelError

_ROUNDING = 1e-3
"""Share of the largest logit that a hidden word may change."""


def failed_on(source: str, n_tokens: int, error: Exception) -> ModelError:
    """The error of a model that fails on tokens, with its own reason in a line.

    Args:
        source: The model.
        n_tokens: How many it was given.
        error: What it raised.
    """
    told = " ".join(str(error).split())[:300]
    return ModelError(
        f"it fails on {n_tokens} tokens of the text: {type(error).__name__}: {told}",
        where=source,
        instead="use a sequence classifier or a causal model that transformers runs on such a text",
    )


def require_alike(source: str, first: torch.Tensor, second: torch.Tensor) -> None:
    """Refuses a model whose answer changes with words that nothing should attend to.

    Args:
        source: The model.
        first: Its logits.
        second: Those of other hidden words.

    Raises:
        ModelError: They differ by more than rounding.
    """
    if bool(((first - second).abs() > _ROUNDING * first.abs().max()).any()):
        raise ModelError(
            "hidden words change its answer: it does not keep from reading what nothing attends to",
            where=source,
            instead="write features.masking: mask-token or deletion",
        )
