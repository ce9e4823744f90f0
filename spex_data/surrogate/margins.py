"""The scalars that a surrogate follows: log-odds of the pieces of every answer.

An answer of k tokens is cut into pieces. With p the probability of a piece given what comes before it and
f = log p / (1 - p) its margin, -log p = log(1 + exp(-f)): the loss of an example, the mean of -log p over its
tokens, is exactly the sum of log(1 + exp(-f)) over its pieces, divided by k. So margins say all that training
asks of an example, however many classes or tokens there are to choose from. A label is a single piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from spex_data.evaluation.outputs import TokenScores, log_odds, token_scores


@dataclass(frozen=True)
class Pieces:
    """How answers are cut, pieces in the order of their answers.

    Attributes:
        lengths: For each answer the tokens of each of its pieces.
    """

    lengths: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.owners)

    @cached_property
    def owners(self) -> NDArray[np.int64]:
        """int64[pieces], the answer that each is of."""
        return np.repeat(np.arange(len(self.lengths)), [len(one) for one in self.lengths])

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """int64[answers + 1], where each answer's pieces begin, and their number."""
        return np.concatenate([[0], np.cumsum([len(one) for one in self.lengths])])

    @cached_property
    def tokens(self) -> NDArray[np.int64]:
        """int64[answers], tokens of each."""
        return np.array([sum(one) for one in self.lengths], dtype=np.int64)


def cut_answers(answers: Sequence[Sequence[int]], most: int | None) -> Pieces:
    """Cuts answers into pieces of nearly equal length.

    Args:
        answers: Token ids of each.
        most: Pieces of an answer at most; None: every token is a piece.
    """
    counts = [len(answer) if most is None else min(most, len(answer)) for answer in answers]
    return Pieces(
        tuple(
            tuple(len(part) for part in np.array_split(np.arange(len(answer)), count))
            for answer, count in zip(answers, counts, strict=True)
        )
    )


def piece_margins(
    logits: Sequence[torch.Tensor], answers: Sequence[Sequence[int]], lengths: Sequence[Sequence[int]]
) -> list[torch.Tensor]:
    """Margins of the pieces of some answers under the logits that predict their tokens.

    Args:
        logits: float[k, outputs] of each answer.
        answers: k token ids each, or the number of a label.
        lengths: Of each answer, tokens of its c pieces.

    Returns:
        float64[c] for each answer, with the graph of the logits.
    """
    tokens = torch.tensor([token for answer in answers for token in answer], device=logits[0].device)
    scores = token_scores(torch.cat(list(logits)), tokens)
    margins = scores.log_p - scores.log_other
    found, start = [], 0
    for parts in lengths:
        if max(parts) == 1:
            found.append(margins[start : start + len(parts)])
        else:
            ends = start + np.cumsum(parts)
            found.append(
                torch.stack([log_odds(_slice(scores, int(e - k), int(e))) for e, k in zip(ends, parts)])
            )
        start += sum(parts)
    return found


def scores_of_margins(margins: torch.Tensor) -> TokenScores:
    """What `evaluation.outputs` measures, from margins in place of logits.

    Whether another token has a larger logit is not known from a margin; one above 0 has none.

    Args:
        margins: float64[..., c].
    """
    log_p = torch.nn.functional.logsigmoid(margins)
    return TokenScores(log_p, torch.nn.functional.logsigmoid(-margins), margins >= 0)


def _slice(scores: TokenScores, start: int, end: int) -> TokenScores:
    part = slice(start, end)
    return TokenScores(scores.log_p[part], scores.log_other[part], scores.is_first[part])
