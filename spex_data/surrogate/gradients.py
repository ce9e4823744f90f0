"""Gradients of every margin by the matrices that an adapter trains, a few sequences at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spex_data.errors import TrainingError
from spex_data.evaluation.measure import query_logits
from spex_data.models import BaseModel
from spex_data.surrogate.factors import Factors
from spex_data.surrogate.layers import Seen, recorded, refuse_mixed, seen_factors
from spex_data.surrogate.margins import Pieces, piece_margins

_TOKENS = 4096
"""Of sequences that are taken one after another, padding counted."""
_AT_ONCE = 1024
"""Tokens of a pass: all that it computes is there until its gradients are."""


@dataclass(frozen=True, eq=False)
class Asked:
    """The sequences that a surrogate is about: training examples first, then the queries of targets.

    Attributes:
        tokens: Token ids that the model reads.
        answers: What its logits are scored for.
        starts: Position whose logits predict the first of them.
        pieces: How answers are cut.
        n_examples: How many of them are trained on.
    """

    tokens: tuple[tuple[int, ...], ...]
    answers: tuple[tuple[int, ...], ...]
    starts: tuple[int, ...]
    pieces: Pieces
    n_examples: int

    @property
    def n_training(self) -> int:
        """Pieces of training examples."""
        return int(self.pieces.first[self.n_examples])


@dataclass(frozen=True, eq=False)
class Batch:
    """Some pieces, one a sequence.

    Attributes:
        pieces: int64[q], which.
        margins: float64[q].
        factors: One for each trained matrix, always in the same order.
    """

    pieces: NDArray[np.int64]
    margins: torch.Tensor
    factors: tuple[Factors, ...]


def margin_gradients(model: Any, base: BaseModel, asked: Asked, seed: int) -> Iterator[Batch]:
    """Every margin and its gradient by every trained matrix, in batches of similar length.

    One pass forward, and as many back as the answers of a batch have pieces.

    Args:
        model: The base model with an adapter on it (`training.adapted`): where gradients are taken.
        base: Its tokenizer, task and device.
        asked: The sequences.
        seed: Of the order of batches; those with training examples alone come first.

    Yields:
        Every piece once.

    Raises:
        TrainingError: A margin is not finite.
    """
    with recorded(model) as seen:
        for rows in _cut(asked, np.random.default_rng(seed)):
            few = max(1, _AT_ONCE // len(asked.tokens[rows[0]]))
            for start in range(0, len(rows), few):
                yield from _batch(model, base, asked, rows[start : start + few], seen)


def first_pieces(asked: Asked, seed: int, least: int) -> NDArray[np.bool_]:
    """bool[pieces], those that make up the first batches of `margin_gradients`, at least so many together.

    Of a batch the first piece of all its answers comes first, then their second.
    """
    chosen = np.zeros(len(asked.pieces), dtype=np.bool_)
    for rows in _cut(asked, np.random.default_rng(seed)):
        for turn in range(len(asked.pieces.lengths[rows[0]])):
            if chosen.sum() < least:
                chosen[asked.pieces.first[rows] + turn] = True
    return chosen


def margins_alone(model: Any, base: BaseModel, asked: Asked) -> NDArray[np.float64]:
    """float64[pieces], every margin on the model, by passes forward alone.

    Raises:
        TrainingError: A margin is not finite.
    """
    found = np.zeros(len(asked.pieces))
    with torch.inference_mode():
        for rows in _cut(asked, np.random.default_rng(0)):
            margins = _margins(model, base, asked, rows)
            for turn in range(margins.shape[1]):
                found[asked.pieces.first[rows] + turn] = margins[:, turn].cpu().numpy()
    return found


def _cut(asked: Asked, rng: np.random.Generator) -> list[list[int]]:
    """Sequences in batches, those with the same number of pieces and of similar length together."""
    kinds: dict[tuple[bool, int], list[int]] = {}
    for row, parts in enumerate(asked.pieces.lengths):
        kinds.setdefault((row >= asked.n_examples, len(parts)), []).append(row)
    batches: list[tuple[bool, float, list[int]]] = []
    for (query, _), rows in kinds.items():
        rows.sort(key=lambda row: -len(asked.tokens[row]))
        while rows:
            size = max(1, _TOKENS // len(asked.tokens[rows[0]]))
            batches.append((query, float(rng.random()), rows[:size]))
            rows = rows[size:]
    return [rows for _, _, rows in sorted(batches)]


def _batch(model: Any, base: BaseModel, asked: Asked, rows: Sequence[int], seen: Seen) -> Iterator[Batch]:
    seen.clear()
    with torch.enable_grad():
        margins = _margins(model, base, asked, rows)
        refuse_mixed(seen, len(rows))
        outputs = [output for calls in seen.values() for _, _, output in calls]
        for turn in range(margins.shape[1]):
            last = turn + 1 == margins.shape[1]
            slopes = torch.autograd.grad(
                margins[:, turn].sum(), outputs, retain_graph=not last, materialize_grads=True
            )
            yield Batch(
                asked.pieces.first[list(rows)] + turn, margins[:, turn].detach(), seen_factors(seen, slopes)
            )
    seen.clear()


def _margins(model: Any, base: BaseModel, asked: Asked, rows: Sequence[int]) -> torch.Tensor:
    """float64[sequences, pieces of each]."""
    logits = query_logits(model, base, asked, rows)
    lengths = [asked.pieces.lengths[row] for row in rows]
    margins = torch.stack(piece_margins(logits, [asked.answers[row] for row in rows], lengths))
    _refuse_odd(margins)
    return margins


def _refuse_odd(margins: torch.Tensor) -> None:
    odd = int((~torch.isfinite(margins)).any(dim=1).sum())
    if odd:
        raise TrainingError(
            f"meets losses that are not finite at an anchor ({odd} of {len(margins)} sequences)",
            where="decoding.surrogate",
            instead="lower training.learning_rate, or write decoding.surrogate: off",
        )
