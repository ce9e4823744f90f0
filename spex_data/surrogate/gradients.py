"""Gradients of every margin by the matrices that an adapter trains, a few sequences at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from spex_data.errors import TrainingError
from spex_data.evaluation.measure import query_logits
from spex_data.models import BaseModel
from spex_data.surrogate.margins import Pieces, piece_margins

_TOKENS = 4096
"""Of a batch, padding counted."""


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
class Factors:
    """The gradients of margins by one weight matrix, as sums over tokens of outer products.

    Attributes:
        name: Of the matrix.
        outer: float32[q, tokens, outputs], what comes back to its outputs.
        inner: float32[q, tokens, inputs], what went into it; with a column of ones where it has a bias.
    """

    name: str
    outer: torch.Tensor
    inner: torch.Tensor

    @property
    def gradients(self) -> torch.Tensor:
        """float32[q, outputs, inputs]."""
        return torch.einsum("nto,nti->noi", self.outer, self.inner)


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
    with _recorded(model) as seen:
        for rows in _cut(asked, np.random.default_rng(seed)):
            yield from _batch(model, base, asked, rows, seen)


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


def trained_shapes(model: Any) -> dict[str, tuple[int, int]]:
    """Outputs and inputs of every matrix that an adapter trains, a bias counted as an input."""
    return {
        name: (module.out_features, module.in_features + _has_bias(module))
        for name, module in _trained(model)
    }


_Seen = dict[str, tuple[nn.Linear, torch.Tensor, torch.Tensor]]
"""Of each trained layer by name: the layer, what went into it, what came out."""


def _batch(model: Any, base: BaseModel, asked: Asked, rows: Sequence[int], seen: _Seen) -> Iterator[Batch]:
    with torch.enable_grad():
        logits = query_logits(model, base, asked, rows)
        lengths = [asked.pieces.lengths[row] for row in rows]
        margins = torch.stack(piece_margins(logits, [asked.answers[row] for row in rows], lengths))
        _refuse_odd(margins)
        outputs = [output for _, _, output in seen.values()]
        for turn in range(margins.shape[1]):
            last = turn + 1 == margins.shape[1]
            slopes = torch.autograd.grad(margins[:, turn].sum(), outputs, retain_graph=not last)
            yield Batch(
                asked.pieces.first[list(rows)] + turn, margins[:, turn].detach(), _factors(seen, slopes)
            )
    seen.clear()


def _factors(seen: _Seen, slopes: Sequence[torch.Tensor]) -> tuple[Factors, ...]:
    made = []
    for (name, (layer, inputs, _)), slope in zip(seen.items(), slopes, strict=True):
        inner, outer = (_as_rows(side.detach().float()) for side in (inputs, slope))
        if _has_bias(layer):
            inner = torch.cat([inner, torch.ones_like(inner[..., :1])], dim=-1)
        made.append(Factors(name, outer, inner))
    return tuple(made)


def _as_rows(side: torch.Tensor) -> torch.Tensor:
    """float[q, tokens, width], also for a head that sees a sequence as one row."""
    return side[:, None] if side.ndim == 2 else side


def _refuse_odd(margins: torch.Tensor) -> None:
    odd = int((~torch.isfinite(margins)).any(dim=1).sum())
    if odd:
        raise TrainingError(
            f"meets losses that are not finite at an anchor ({odd} of {len(margins)} sequences)",
            where="decoding.surrogate",
            instead="lower training.learning_rate, or write decoding.surrogate: off",
        )


def _has_bias(layer: nn.Linear) -> bool:
    return layer.bias is not None and layer.bias.requires_grad


def _trained(model: Any) -> list[tuple[str, nn.Linear]]:
    return [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module.weight.requires_grad
    ]


@contextmanager
def _recorded(model: Any) -> Iterator[_Seen]:
    """What goes into and comes out of every linear layer that is trained, while the block lasts."""
    seen: _Seen = {}

    def hook(name: str) -> Any:
        def record(layer: nn.Linear, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
            seen[name] = (layer, inputs[0], output)

        return record

    handles = [module.register_forward_hook(hook(name)) for name, module in _trained(model)]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def second_moments(
    batches: Sequence[Batch], shares: NDArray[np.float64], batch_size: int
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """How large the coordinates of a training step's gradient are, matrix by matrix.

    With l the loss gradients of the examples, v = mean(l)^2 + mean(l^2) / B is the mean square of a step's
    on B examples, which is what AdamW divides by the root of. Only the sums of v over rows and over columns
    are kept (Shazeer and Stern 2018, "Adafactor", section 3).

    Args:
        batches: Gradients of some training examples' margins.
        shares: float64[training pieces], how much a loss moves with -log p of the piece.
        batch_size: B.

    Returns:
        By the matrix's name float64[outputs] and float64[inputs], the means of v over the other side.
    """
    moments = {}
    for place, one in enumerate(batches[0].factors):
        losses = torch.cat(
            [
                batch.factors[place].gradients
                * (torch.sigmoid(-batch.margins) * torch.tensor(shares[batch.pieces])).to(one.outer)[
                    :, None, None
                ]
                for batch in batches
            ]
        ).double()
        v = losses.mean(dim=0) ** 2 + (losses**2).mean(dim=0) / batch_size
        moments[one.name] = v.mean(dim=1), v.mean(dim=0)
    return moments
