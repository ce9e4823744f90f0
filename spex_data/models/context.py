"""How many tokens a model reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from spex_data.models.base import BaseModel


def context_length(base: BaseModel) -> int | None:
    """Tokens that a model reads at most; None where nothing says so.

    RoBERTa and its like count positions from the padding token on, so their tables hold that many less.
    """
    known = [base.tokenizer.model_max_length, getattr(base.model.config, "max_position_embeddings", None)]
    known += [
        module.num_embeddings - module.padding_idx - 1
        for name, module in base.model.named_modules()
        if name.endswith("position_embeddings")
        and isinstance(module, nn.Embedding)
        and module.padding_idx is not None
    ]
    # Tokenizers that know no limit claim 10^30 tokens, and XLNet, which has none, says -1.
    return min((int(length) for length in known if length and 0 < length < 10**9), default=None)
