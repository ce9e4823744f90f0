"""Features of all margins whose inner products are the tangent kernel, averaged over anchors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg.lapack import dpstrf

from spex_data.models import BaseModel
from spex_data.surrogate.gradients import Asked, Batch, first_pieces, margin_gradients
from spex_data.surrogate.layers import refuse_other_layers, trained_shapes
from spex_data.surrogate.moments import SecondMoments
from spex_data.surrogate.sketch import Moments, Sketch, fitting_side
from spex_data.training import AdapterBank, LoraRecipe, load_adapter_state

WIDTH = 4096
"""Features of a margin at most; with no more margins than that the kernel itself is summed up."""
_SAMPLE = 64
"""Examples that the size of gradients is told from."""
_HELD = 400_000_000
"""Bytes of their gradients that are held until the size is known; larger ones are computed twice."""
_NEGLIGIBLE = 1e-7
"""Share of the largest margin's square below which what is left of all others is left out."""


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
    refuse_other_layers(model)
    count = sum(len(bank) for bank in banks)
    sketch = Sketch(fitting_side(trained_shapes(model)), seed)
    small = len(asked.pieces) <= WIDTH
    narrow = None if small else max(1, WIDTH // count)
    # The kernel of all margins, or the features themselves: one array, whatever is added to it.
    held = np.zeros((len(asked.pieces), len(asked.pieces) if narrow is None else narrow * count), np.float32)
    pull = np.zeros(asked.n_training)
    for number, state in enumerate(_states(banks)):
        load_adapter_state(model, state)
        rows, margins = _anchor_rows(model, base, recipe, asked, sketch, narrow, seed + number)
        pull += 1 / (1 + np.exp(margins[: len(pull)])) / count
        rows /= np.float32(count**0.5)
        if narrow is None:
            held += rows @ rows.T
        else:
            held[:, number * narrow : (number + 1) * narrow] = rows
        del rows
    return (_root(held) if small else held), pull


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
    if recipe.optimizer == "adamw":
        sample = first_pieces(asked, seed, min(_SAMPLE, asked.n_training))
        moments, first = _sized(batches, SecondMoments(piece_shares(asked), recipe.batch_size), sample)
        sketch = sketch.scaled(moments)
        batches = chain(first, batches) if first else margin_gradients(model, base, asked, seed)
    generator = torch.Generator("cpu").manual_seed(seed)
    found: NDArray[np.float32] | None = None
    second: torch.Tensor | None = None
    margins = np.zeros(len(asked.pieces))
    for batch in batches:
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


def _sized(
    batches: Iterator[Batch], moments: SecondMoments, sample: NDArray[np.bool_]
) -> tuple[Moments, list[Batch]]:
    """The second moments of a sample, and the batches that it took; none where they are too large to hold."""
    held: list[Batch] = []
    size, left = 0, int(sample.sum())
    while left:
        batch = next(batches)
        if sample[batch.pieces].all():
            moments.add(batch)
            left -= len(batch.pieces)
        if size <= _HELD:
            held.append(replace(batch, factors=tuple(one.compact() for one in batch.factors)))
            size += sum(one.n_bytes for one in held[-1].factors)
    return moments.means(), (held if size <= _HELD else [])


def piece_shares(asked: Asked) -> NDArray[np.float64]:
    """float64[training pieces], 1 / tokens of the piece's answer: a loss is a mean over tokens."""
    return np.asarray(1.0 / asked.pieces.tokens[asked.pieces.owners[: asked.n_training]])


def _states(banks: Sequence[AdapterBank]) -> Iterator[dict[str, torch.Tensor]]:
    for bank in banks:
        for index in range(len(bank)):
            yield bank.state(index)


def _root(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32[q, d] with the kernel as its inner products, without directions that hold next to nothing.

    By Cholesky's factors with pivots, in place: eigenvectors would take ten times as long, and four times the
    memory.
    """
    whole = np.asfortranarray(kernel, dtype=np.float64)
    factor, order, rank, _ = dpstrf(
        whole, lower=1, overwrite_a=1, tol=_NEGLIGIBLE * float(np.diag(kernel).max(initial=0.0))
    )
    found = np.zeros((len(kernel), rank), dtype=np.float32)
    found[order - 1] = np.tril(factor[:, :rank])
    return found
