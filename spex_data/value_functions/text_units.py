"""A text cut into the units that are masked: words, tokens, sentences, or spans that are given."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from spex_data.errors import DataError

Span = tuple[int, int]
"""First character, and the one after the last."""

UNITS = ("words", "tokens", "sentences")
_PATTERNS = {
    "words": re.compile(r"\S+"),
    "sentences": re.compile(r"\S.*?(?:[.!?]+(?=\s|$)|(?=\n)|$)", re.DOTALL),
}
_WHERE = "features.text"


@dataclass(frozen=True, eq=False)
class TextUnits:
    """A text as tokens, each of one unit or of none.

    Attributes:
        text: As given.
        names: The words of each of n units, in the order of the text; two may be alike.
        tokens: T token ids, special tokens included.
        unit_of: int64[T], the unit of each token; -1 for one that is never masked.
        spans: Characters of each unit.
    """

    text: str
    names: tuple[str, ...]
    tokens: tuple[int, ...]
    unit_of: NDArray[np.int64]
    spans: tuple[Span, ...]

    def __len__(self) -> int:
        return len(self.names)


def cut_into_units(
    tokenizer: PreTrainedTokenizerBase, text: str, units: str | Sequence[Span] = "words"
) -> TextUnits:
    """Cuts a text into units.

    A token belongs to the unit that holds its first character that is no blank; special tokens, and tokens
    outside all given spans, belong to none. A word that the tokenizer gives no token of its own is no unit.

    Args:
        tokenizer: A fast one, which knows the characters of each token.
        text: Not blank.
        units: "words" (between blanks), "tokens", "sentences" (to . ! ? or the end of a line), or spans of
            characters that do not overlap, in the order of the text.

    Raises:
        DataError: A blank text, fewer than 2 units, spans that overlap, leave the text or hold no token, or a
            tokenizer that knows no characters.
    """
    if not text.strip():
        raise DataError("is empty", where=_WHERE, instead="give a text of at least two units")
    if not tokenizer.is_fast:
        raise DataError(
            "the model's tokenizer does not say which characters a token stands for",
            where=_WHERE,
            instead="use a model with a fast tokenizer (one with a tokenizer.json)",
        )
    encoded = tokenizer(text, return_offsets_mapping=True)
    starts = [_first_character(text, *offsets) for offsets in encoded["offset_mapping"]]
    spans = _spans(text, units, encoded["offset_mapping"])
    unit_of = np.array([_holder(spans, start) for start in starts], dtype=np.int64)
    used = np.unique(unit_of[unit_of >= 0])
    if not isinstance(units, str) and len(used) < len(spans):
        empty = spans[min(set(range(len(spans))) - set(used.tolist()))]
        raise DataError(
            f"the span {empty} holds the start of no token",
            where="features.units",
            instead="widen it, or leave it out",
        )
    if len(used) < 2:
        kind = units if isinstance(units, str) else "spans"
        raise DataError(
            f"has {len(used)} unit(s) ({kind}), and at least 2 are needed",
            where=_WHERE,
            instead="give a longer text, or smaller units (features.units: tokens)",
        )
    kept = [spans[unit] for unit in used]
    numbers = np.searchsorted(used, unit_of)
    return TextUnits(
        text,
        tuple(text[start:end].strip() for start, end in kept),
        tuple(encoded["input_ids"]),
        np.where(unit_of < 0, -1, numbers),
        tuple(kept),
    )


def _spans(text: str, units: str | Sequence[Span], offsets: Sequence[Span]) -> list[Span]:
    if units == "tokens":
        return [(start, end) for start, end in dict.fromkeys(map(tuple, offsets)) if end > start]
    if isinstance(units, str):
        if units not in _PATTERNS:
            raise DataError(
                f"is {units!r}",
                where="features.units",
                instead=f"write one of {', '.join(UNITS)}, or spans of characters",
            )
        return [found.span() for found in _PATTERNS[units].finditer(text)]
    spans, reached = [(int(start), int(end)) for start, end in units], 0
    for start, end in spans:
        if not reached <= start < end <= len(text):
            raise DataError(
                f"the span {(start, end)} is empty, overlaps another, is out of order, or leaves the text of "
                f"{len(text)} characters",
                where="features.units",
                instead="give spans (start, end) in the order of the text, none reaching into the next",
            )
        reached = end
    return spans


def _first_character(text: str, start: int, end: int) -> int:
    """Of a token; -1 for a special one, which stands for no characters."""
    blanks = len(text[start:end]) - len(text[start:end].lstrip())
    return -1 if start == end else min(start + blanks, end - 1)


def _holder(spans: Sequence[Span], character: int) -> int:
    return next((unit for unit, (start, end) in enumerate(spans) if start <= character < end), -1)
