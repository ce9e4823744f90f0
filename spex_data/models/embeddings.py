"""Texts as vectors, to group examples by what they are about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from spex_data.models.context import context_length

if TYPE_CHECKING:
    from spex_data.models.base import BaseModel


def embed_texts(base: BaseModel, texts: Sequence[str], batch_size: int = 64) -> NDArray[np.float32]:
    """The mean of a base model's last hidden states over the tokens of each text.

    e(x) = 1/|x| sum over the tokens i of x of h_i(x); padding does not count, and a text longer than the
    model's context is cut at its end.

    Args:
        base: Model whose layers below its head are used.
        texts: n texts.
        batch_size: Texts a pass.

    Returns:
        float32[n, d], d the model's hidden size.
    """
    vectors = np.zeros((len(texts), base.model.config.hidden_size), dtype=np.float32)
    # Texts of one length together: less padding.
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    for start in range(0, len(texts), batch_size):
        rows = order[start : start + batch_size]
        vectors[rows] = _embed(base, [texts[row] for row in rows])
    return vectors


@torch.no_grad()
def _embed(base: BaseModel, texts: list[str]) -> NDArray[np.float32]:
    limit = context_length(base)
    encoded = base.tokenizer(
        texts, padding=True, truncation=limit is not None, max_length=limit, return_tensors="pt"
    ).to(base.device)
    inputs = {"input_ids": encoded["input_ids"], "attention_mask": encoded["attention_mask"]}
    hidden = base.model.base_model(**inputs).last_hidden_state.float()
    weights = inputs["attention_mask"].to(hidden.dtype)[..., None]
    means = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1.0)
    return means.cpu().numpy()
