"""The last block's attention for the queries of the scored positions alone.

Models ask transformers' registry for their attention, by a name in their configuration; a name of ours leads
to its scaled-dot-product attention with fewer queries. Every query's output is its own, so none changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from spex_data.models import BaseModel
from spex_data.training.engine.narrowing import ScoredPositions
from spex_data.training.sites import AdapterSites

_NAME, _REPLACED = "spex_data_scored", "sdpa"
_POSITIONS = "_spex_data_positions"
_FILL = "_spex_data_fill"
_PLAIN = ("dropout", "scaling", "is_causal")
_CHANGING = ("position_bias", "cache", "softcap", "sinks", "s_aux")


@torch.no_grad()
def few_queries_do(
    base: BaseModel, sites: AdapterSites, inputs: dict[str, Any], scored: ScoredPositions
) -> bool:
    """Whether the logits need the last block's attention at the scored positions alone.

    With no numbers at the others the scored logits must still be numbers (as in `spoilable_layers`).

    Args:
        base: A model without adapters.
        sites: Names its blocks.
        inputs: What to try with: int64[R, T].
        scored: One position of each row.
    """
    assert scored.places is not None
    alone = ScoredPositions(scored.places, None, scored.places[:, None])
    with few_queries(base, sites, alone, fill=torch.nan):
        logits = base.model(**inputs).logits
    logits = scored.take(logits) if base.task == "causal-lm" else logits
    return bool(logits.isfinite().all())


@contextmanager
def few_queries(
    base: BaseModel, sites: AdapterSites, positions: ScoredPositions, fill: float = 0.0
) -> Iterator[None]:
    """The last block attends from the scored positions alone, for as long as the block lasts.

    A model whose attention is another than transformers' scaled-dot-product attention is left as it is.

    Args:
        base: The model.
        sites: Names its blocks.
        positions: The scored ones.
        fill: What the attention gives at the others.
    """
    config = base.model.config
    if getattr(config, "_attn_implementation", None) != _REPLACED:
        yield
        return
    AttentionInterface.register(_NAME, _attend)
    AttentionMaskInterface.register(_NAME, sdpa_mask)
    with ExitStack() as restored:
        for module in base.model.get_submodule(sites.blocks[-1]).modules():
            vars(module)[_POSITIONS], vars(module)[_FILL] = positions, fill
            restored.callback(vars(module).pop, _POSITIONS)
            restored.callback(vars(module).pop, _FILL)
        restored.callback(setattr, config, "_attn_implementation", _REPLACED)
        config._attn_implementation = _NAME
        yield


def _attend(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **choices: Any,
) -> tuple[torch.Tensor, None]:
    """[R, heads, T, width] each -> [R, T, heads, width], `fill` where no position is scored."""
    positions: ScoredPositions | None = vars(module).get(_POSITIONS)
    rows, _, length, _ = query.shape
    known = positions is not None and positions.by_row is not None
    if not known or key.shape[2] != length or any(choices.get(name) is not None for name in _CHANGING):
        return sdpa_attention_forward(module, query, key, value, attention_mask, **choices)
    assert positions is not None
    by_row, places = positions.by_row, positions.places
    assert by_row is not None
    assert places is not None
    within = by_row - torch.arange(rows, device=by_row.device)[:, None] * length
    if attention_mask is not None:
        chosen = within[:, None, :, None].expand(-1, attention_mask.shape[1], -1, attention_mask.shape[3])
        attention_mask = attention_mask.expand(rows, -1, -1, -1).gather(2, chosen)
    elif _is_causal(module, choices.get("is_causal")):
        attention_mask = torch.arange(length, device=by_row.device) <= within[:, None, :, None]
    few = query.transpose(1, 2).flatten(0, 1).index_select(0, by_row.flatten())
    few = few.unflatten(0, by_row.shape).transpose(1, 2)
    plain = {name: choices[name] for name in _PLAIN if name in choices} | {"is_causal": False}
    output, _ = sdpa_attention_forward(module, few, key, value, attention_mask, **plain)
    states = output.flatten(0, 1)
    if positions.of_row is not None:
        states = states.index_select(0, positions.of_row)
    whole = states.new_full((rows * length, *states.shape[1:]), vars(module)[_FILL])
    return whole.index_copy(0, places, states).unflatten(0, (rows, length)), None


def _is_causal(module: nn.Module, asked: bool | None) -> bool:
    return bool(getattr(module, "is_causal", True)) if asked is None else asked
