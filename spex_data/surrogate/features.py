"""Features of all margins whose inner products are the tangent kernel, averaged over anchors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spex_data.models import BaseModel
from spex_data.surrogate.gradients import Asked, Batch, margin_gradients, second_moments, trained_shapes
from spex_data.surrogate.sketch import Sketch, fitting_side
from spex_data.training import AdapterBank, LoraRecipe, load_adapter_state

WIDTH = 4096
"""Features of a margin at most; with no more margins than that the kernel itself is summed up."""
_SAMPLE = 64
"""Examples that the size of gradients is told from."""
_NEGLIGIBLE = 1e-7
"""Share of the largest eigenvalue below which others are left out."""


def margins_at(model: Any, base: BaseModel, asked: Asked) -> NDArray[np.float64]:
    """float64[pieces], on the adapter that the model wears."""
    found = np.zeros(len(asked.pieces))
    for batch in margin_gradients(model, base, asked, 0):
        found[batch.pieces] = batch.margins.cpu().numpy()
    return found


def anchored_features(
    model: Any, base: BaseModel, recipe: LoraRecipe, asked: Asked, banks: Sequence[AdapterBank], seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Gradients of all margins at every adapter of some banks, as features.

    With up to `WIDTH` margins the kernel is summed over anchors, and its root returned; with more the
    sketch of each anchor is projected once more, to its share of `WIDTH` numbers, so that memory and time
    are linear in the number of examples.

    Args:
        model: The base model with an adapter of the recipe on it; given the anchors' states in turn.
        base: Its tokenizer, task and device.
        recipe: Of the anchors.
        asked: The sequences.
        banks: Whose adapters are the anchors.
        seed: Of projections, and of the examples that the size of gradients is told from.

    Returns:
        float32[margins, d], and float64[training pieces], the mean over anchors of 1 - p.
    """
    count = sum(len(bank) for bank in banks)
    sketch = Sketch(fitting_side(trained_shapes(model)), seed)
    small = len(asked.pieces) <= WIDTH
    kernel = np.zeros((len(asked.pieces), len(asked.pieces)), dtype=np.float32) if small else None
    parts: list[NDArray[np.float32]] = []
    pull = np.zeros(asked.n_training)
    for number, state in enumerate(_states(banks)):
        load_adapter_state(model, state)
        narrow = None if small else WIDTH // count
        rows, margins = _anchor_rows(model, base, recipe, asked, sketch, narrow, seed + number)
        pull += 1 / (1 + np.exp(margins[: len(pull)])) / count
        if kernel is None:
            parts.append(rows / np.float32(count**0.5))
        else:
            kernel += rows @ rows.T / np.float32(count)
    return (np.concatenate(parts, axis=1) if kernel is None else _root(kernel)), pull


def _anchor_rows(
    model: Any,
    base: BaseModel,
    recipe: LoraRecipe,
    asked: Asked,
    sketch: Sketch,
    narrow: int | None,
    seed: int,
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """float32[pieces, d] and float64[pieces] at the adapter that the model wears."""
    batches = margin_gradients(model, base, asked, seed)
    first = list(_at_least(batches, min(_SAMPLE, asked.n_training)))
    if recipe.optimizer == "adamw":
        sketch = sketch.scaled(second_moments(first, piece_shares(asked), recipe.batch_size))
    generator = torch.Generator("cpu").manual_seed(seed)
    found: NDArray[np.float32] | None = None
    second: torch.Tensor | None = None
    margins = np.zeros(len(asked.pieces))
    for batch in chain(first, batches):
        rows = sketch.rows(batch.factors)
        if narrow is not None:
            if second is None:
                second = torch.randn((rows.shape[1], narrow), generator=generator) / narrow**0.5
            rows = rows @ second.to(rows)
        if found is None:
            found = np.zeros((len(margins), rows.shape[1]), dtype=np.float32)
        found[batch.pieces] = rows.cpu().numpy()
        margins[batch.pieces] = batch.margins.cpu().numpy()
    assert found is not None
    return found, margins


def _at_least(batches: Iterator[Batch], count: int) -> Iterator[Batch]:
    """The first batches that hold so many pieces together."""
    while count > 0:
        batch = next(batches)
        count -= len(batch.pieces)
        yield batch


def piece_shares(asked: Asked) -> NDArray[np.float64]:
    """float64[training pieces], 1 / tokens of the piece's answer: a loss is a mean over tokens."""
    return np.asarray(1.0 / asked.pieces.tokens[asked.pieces.owners[: asked.n_training]])


def _states(banks: Sequence[AdapterBank]) -> Iterator[dict[str, torch.Tensor]]:
    for bank in banks:
        for index in range(len(bank)):
            yield bank.state(index)


def _root(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32[q, d] with the kernel as its inner products, without directions that hold next to nothing."""
    values, vectors = np.linalg.eigh(kernel.astype(np.float64))
    kept = values > _NEGLIGIBLE * values[-1]
    return np.ascontiguousarray(vectors[:, kept] * np.sqrt(values[kept]), dtype=np.float32)
