"""All targets on one model, in as few passes as fit; and their values from logits computed elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from spex_data.evaluation.outputs import measure_output, token_scores
from spex_data.evaluation.queries import Queries, encode_targets
from spex_data.evaluation.targets import Targets
from spex_data.models import BaseModel

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

_BATCH = 64
"""Sequences a pass."""


class Answered(Protocol):
    """Sequences whose answers are scored: `Queries`, or training examples."""

    @property
    def tokens(self) -> tuple[tuple[int, ...], ...]:
        """Token ids that the model reads."""

    @property
    def answers(self) -> tuple[tuple[int, ...], ...]:
        """What its logits are scored for."""

    @property
    def starts(self) -> tuple[int, ...]:
        """Causal: position whose logits predict the answer's first token."""


def evaluate_targets(
    model: PreTrainedModel | PeftModel, base: BaseModel, targets: Targets
) -> NDArray[np.float64]:
    """Measures every target on a model.

    Args:
        model: The base model, or the base model with an adapter on it; in evaluation mode.
        base: Its tokenizer, labels and device.
        targets: What to measure.

    Returns:
        float64[n_targets], higher is better.

    Raises:
        TargetError: A label that the model does not know, an answer without tokens, or one too long.
    """
    queries = encode_targets(base, targets)
    order = sorted(range(len(queries)), key=lambda query: len(queries.tokens[query]))
    logits: dict[int, torch.Tensor] = {}
    with torch.inference_mode():
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            logits |= zip(batch, query_logits(model, base, queries, batch), strict=True)
    return values_from_logits(targets, queries, [logits[query] for query in range(len(queries))])


def values_from_logits(
    targets: Targets, queries: Queries, logits: Sequence[torch.Tensor]
) -> NDArray[np.float64]:
    """The values of targets on one model, or on many at once.

    Args:
        targets: What to measure.
        queries: The same targets as tokens.
        logits: float[..., k, outputs] for each query, a row a token of its answer.

    Returns:
        float64[..., n_targets], higher is better; the leading axes are those of the logits.
    """
    scores = [
        token_scores(rows, torch.tensor(answer, device=rows.device))
        for rows, answer in zip(logits, queries.answers, strict=True)
    ]
    values = [
        measure_output(output, scores[row], None if foil is None else scores[foil])
        for row, (output, foil) in enumerate(zip(targets.outputs, queries.foils, strict=True))
    ]
    return torch.stack(values, dim=-1).cpu().numpy()


def query_logits(
    model: PreTrainedModel | PeftModel, base: BaseModel, queries: Answered, batch: Sequence[int]
) -> list[torch.Tensor]:
    """Logits that predict the answers of some sequences, in one pass; no others go through the head.

    Args:
        model: As for `evaluate_targets`.
        base: Its tokenizer, task and device.
        queries: The sequences.
        batch: Which of them.

    Returns:
        float[k, outputs] for each sequence of the batch.
    """
    longest = max(len(queries.tokens[query]) for query in batch)
    # Padding goes to the right: positions are then those of the text alone.
    tokens = torch.full((len(batch), longest), int(base.tokenizer.pad_token_id))
    mask = torch.zeros_like(tokens)
    for row, query in enumerate(batch):
        tokens[row, : len(queries.tokens[query])] = torch.tensor(queries.tokens[query])
        mask[row, : len(queries.tokens[query])] = 1
    inputs = {"input_ids": tokens.to(base.device), "attention_mask": mask.to(base.device)}
    if base.task == "classification":
        return list(model(**inputs).logits[:, None])
    sizes = [len(queries.answers[query]) for query in batch]
    rows = torch.repeat_interleave(torch.arange(len(batch)), torch.tensor(sizes))
    positions = torch.cat([queries.starts[query] + torch.arange(size) for query, size in zip(batch, sizes)])
    # The head of the model that computes, which need not be the base model in memory.
    head = model.get_output_embeddings()
    keep = head.register_forward_pre_hook(lambda _, hidden: hidden[0][rows, positions][None])
    try:
        logits = model(**inputs, use_cache=False).logits[0]
    finally:
        keep.remove()
    return list(logits.split(sizes))
