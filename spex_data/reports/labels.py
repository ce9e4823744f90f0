"""Names and numbers as people read them: harmless wherever they are shown, no longer than there is room."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Sequence

from rich.cells import cell_len, chop_cells

_TURNS_TEXT_ROUND = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def inert(text: str) -> str:
    """The text without what would act on a terminal or on the text around it.

    Args:
        text: Anyone's, such as a group's name.

    Returns:
        One line: white space becomes single spaces; control characters, lone surrogates and marks that
        override the direction of writing become U+FFFD. Letters of every script and emoji stay.
    """
    kept = []
    for character in text:
        if character.isspace():
            kept.append(" ")
        elif character in _TURNS_TEXT_ROUND or unicodedata.category(character) in ("Cc", "Cs"):
            kept.append("\ufffd")
        else:
            kept.append(character)
    return " ".join("".join(kept).split())


def shorten(text: str, cells: int) -> str:
    """The text on at most that many columns, with an ellipsis for what its middle lost.

    Args:
        text: Anyone's; made inert first.
        cells: Columns of a terminal, where an emoji or a Chinese character takes two; at least 5.
    """
    text = inert(text)
    if cell_len(text) <= cells:
        return text
    tail = cells // 3
    start = chop_cells(text, cells - tail - 1)[0].rstrip()
    end = text[-tail:]
    while cell_len(end) > tail:
        end = end[1:]
    return f"{start}…{end.lstrip()}"


def distinct_labels(names: Sequence[str]) -> tuple[str, ...]:
    """One label a group, no two alike: a name that several groups bear gets the group's number.

    Args:
        names: As the study has them; they may repeat or be blank.
    """
    labels = [inert(name) for name in names]
    labels = [label or f"group (#{place})" for place, label in enumerate(labels)]
    while shared := {label for label, count in Counter(labels).items() if count > 1}:
        labels = [f"{label} (#{place})" if label in shared else label for place, label in enumerate(labels)]
    return tuple(labels)


def listed(words: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def decimals(scale: float) -> int:
    """Decimals with which numbers up to that size show three digits, at least their hundredths up to 100."""
    if scale <= 0:
        return 2
    return min(max(2 - math.floor(math.log10(scale)), 0 if scale >= 1000 else 1 if scale >= 100 else 2), 6)


def signed(value: float | None, places: int | None = None, *, minus: str = "-") -> str:
    """The number with its sign; "unknown" for None.

    Args:
        value: In any unit.
        places: Decimals; by its own size if None.
        minus: How the minus sign is written.
    """
    if value is None:
        return "unknown"
    size = abs(value)
    digits = (
        f"{size:.1e}"
        if size >= 1e5 or (places is None and 0 < size < 1e-6)
        else f"{size:.{_places(size, places)}f}"
    )
    sign = "" if float(digits) == 0 else "+" if value > 0 else minus
    return sign + digits


def interval(ci: tuple[float, float] | None, places: int | None = None, *, minus: str = "-") -> str:
    """The interval in brackets; empty when it is unknown."""
    return (
        "" if ci is None else f"[{signed(ci[0], places, minus=minus)}, {signed(ci[1], places, minus=minus)}]"
    )


def share(value: float | None, *, minus: str = "-") -> str:
    """A number such as R2 to two decimals, rounded towards 0 near 1 so that only a perfect one reads 1.00."""
    if value is None:
        return "unknown"
    if 0.99 < value < 1:
        return f"{min(value, 0.9994):.3f}"
    return f"{value:.2f}".replace("-", minus).replace(f"{minus}0.00", "0.00")


def shares(value: float, highest: float, *, minus: str = "-") -> tuple[str, str]:
    """A number such as R2 and what bounds it, to as many decimals as tell either from 1."""
    written = share(value, minus=minus), share(highest, minus=minus)
    if 0 < value < 1 and len(written[0]) < len(written[1]):
        return f"{value:.3f}", written[1]
    if 0 < highest < 1 and len(written[1]) < len(written[0]):
        return written[0], f"{highest:.3f}"
    return written


def _places(size: float, places: int | None) -> int:
    return decimals(size) if places is None else places
