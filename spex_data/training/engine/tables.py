"""Sequences as arrays, and rows of them cut into passes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from spex_data.models import BaseModel


class Sequences(Protocol):
    """Token sequences with an answer that is scored: training examples, or the questions of targets.

    Attributes:
        tokens: Token ids of each, the answer's included (causal).
        answers: Number of the label, or the answer's token ids.
        starts: Causal: position whose logits predict the answer's first token; classification: 0.
    """

    @property
    def tokens(self) -> tuple[tuple[int, ...], ...]: ...  # noqa: D102
    @property
    def answers(self) -> tuple[tuple[int, ...], ...]: ...  # noqa: D102
    @property
    def starts(self) -> tuple[int, ...]: ...  # noqa: D102


@dataclass(frozen=True)
class SequenceTable:
    """Sequences as a model reads them.

    Attributes:
        causal: Whether answers are read off positions; else off the whole sequence.
        tokens: int64[n, longest] on the model's device, filled up on the right.
        lengths: int64[n], tokens read; nothing is read from an answer's last token on (causal).
        starts: int64[n], first scored position.
        sizes: int64[n], scored positions.
        answers: int64[n, most], filled up with zeros.
    """

    causal: bool
    tokens: torch.Tensor
    lengths: NDArray[np.int64]
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    answers: NDArray[np.int64]

    @property
    def offsets(self) -> NDArray[np.int64]:
        """int64[n + 1], where each sequence begins when they stand one after the other."""
        return np.concatenate([[0], np.cumsum(self.lengths)])


def make_table(base: BaseModel, sequences: Sequences) -> SequenceTable:
    """The table of some sequences.

    A causal model's rows are filled up with a token of their own, which no earlier position sees; the others
    with the padding token, which they are masked by.
    """
    causal = base.task == "causal-lm"
    read = [tokens[:-1] if causal else tokens for tokens in sequences.tokens]
    lengths = np.array([len(tokens) for tokens in read], dtype=np.int64)
    sizes = np.array([len(answer) for answer in sequences.answers], dtype=np.int64)
    tokens = np.empty((len(read), lengths.max(initial=1)), dtype=np.int64)
    answers = np.zeros((len(read), sizes.max(initial=1)), dtype=np.int64)
    for row, (text, answer) in enumerate(zip(read, sequences.answers, strict=True)):
        tokens[row, : len(text)] = text
        tokens[row, len(text) :] = text[-1] if causal else base.tokenizer.pad_token_id
        answers[row, : len(answer)] = answer
    starts = np.array(sequences.starts, dtype=np.int64)
    return SequenceTable(causal, torch.from_numpy(tokens).to(base.device), lengths, starts, sizes, answers)


def cut_into_passes(
    lengths: NDArray[np.int64], *, cost: float, most: float = np.inf
) -> list[NDArray[np.int64]]:
    """Puts rows of like length into one pass, so that little is filled up and few passes are needed.

    Minimises the sum over passes of rows * longest row + cost, exactly, over cuts of the rows sorted by
    length; then divides what is larger than `most`.

    Args:
        lengths: int64[n], tokens of each row.
        cost: What one more pass costs, in tokens.
        most: Tokens of a pass, filled up; a single row may have more.

    Returns:
        The rows of each pass, ascending, so that the order of the rows is kept within a pass.
    """
    values, counts = np.unique(lengths, return_counts=True)
    below = np.concatenate([[0], np.cumsum(counts)])
    best, cut = np.zeros(len(values) + 1), np.zeros(len(values) + 1, dtype=np.int64)
    for end in range(1, len(values) + 1):
        costs = best[:end] + (below[end] - below[:end]) * values[end - 1] + cost
        cut[end] = costs.argmin()
        best[end] = costs[cut[end]]
    passes, end = [], len(values)
    while end:
        start = cut[end]
        rows = np.flatnonzero((lengths >= values[start]) & (lengths <= values[end - 1]))
        fit = max(1, min(len(rows), int(min(most, 2**40) // values[end - 1])))
        passes += np.array_split(rows, -(-len(rows) // fit))
        end = start
    return passes[::-1]
