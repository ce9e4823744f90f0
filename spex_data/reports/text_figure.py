"""A text with each unit shaded by what it does, and arcs between units that act together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.textpath import TextPath

from spex_data.reports.figure_style import FONT, HELPS, HURTS, INK, MUTED, PAPER, blank_figure, house_style
from spex_data.reports.labels import inert, share, shorten, signed
from spex_data.reports.results import Effect, Results, TargetResult, read_results
from spex_data.reports.words import unit_words

MOST_ARCS = 8
"""Interactions drawn; tables hold all."""
_WIDTH, _SIZE, _LINE, _PAD = 8.4, 12.0, 0.42, 0.055
"""Inches of a line of text, points of its letters, inches from line to line and around a unit."""
_LONGEST = 24
"""Lines of text drawn at most."""


def text_figure(
    document: Mapping[str, Any] | Results,
    text: str,
    spans: Sequence[tuple[int, int]],
    *,
    target: str | None = None,
    unit: str = "value",
) -> Figure:
    """Draws a text: blue units raise the value, orange ones lower it, arcs join what acts together.

    An arc is solid where the units are worth more together than apart, dashed where less, and as thick as
    the effect is large. Sets of three and more are left to the tables.

    Args:
        document: Of interactions.json, or `read_results` of it, of the lens features.
        text: The whole text; what is in no unit is drawn grey.
        spans: Characters of each unit.
        target: Name; the first where none is given.
        unit: What the values are, such as "log-odds".

    Raises:
        TargetError: There is no such target.
    """
    results = read_results(document)
    result = results.targets[0] if target is None else results.target(target)
    pieces = _pieces(text, spans)
    with house_style():
        places, lines, shown = _laid_out(pieces)
        arcs = _arcs(result, places)
        above, below = 0.75 if arcs else 0.25, (lines - 1) * _line_height(arcs) + 0.25
        figure, axes = blank_figure(_WIDTH + 0.4, above + below + 0.4)
        axes.set(xlim=(-0.1, _WIDTH + 0.1), ylim=(-below, above))
        axes.axis("off")
        scale = max((abs(one.value) for one in result.mains), default=0.0) or 1.0
        for piece, place in zip(pieces[:shown], places, strict=False):
            _draw(axes, piece, place, result, scale, _line_height(arcs))
        for arc in arcs:
            _draw_arc(axes, arc, places, arcs, _line_height(arcs))
        axes.set_title(_title(result, unit, shown < len(pieces)), loc="left")
    return figure


Piece = tuple[str, int]
"""Characters, and the unit that they are; -1 for none."""
Place = tuple[int, float, float, int]
"""Line, left end and width in inches, and the unit."""


def _pieces(text: str, spans: Sequence[tuple[int, int]]) -> list[Piece]:
    """The text cut at the units' ends; blanks at either side of a piece are left to the layout."""
    pieces, reached = [], 0
    for number, (start, end) in enumerate(spans):
        if text[reached:start].strip():
            pieces.append((text[reached:start].strip(), -1))
        pieces.append((inert(text[start:end].strip()) or "·", number))
        reached = end
    if text[reached:].strip():
        pieces.append((text[reached:].strip(), -1))
    return [(" ".join(words.split()), number) for words, number in pieces]


def _laid_out(pieces: Sequence[Piece]) -> tuple[list[Place], int, int]:
    """Where each piece goes, the number of lines, and how many pieces are drawn."""
    font = FontProperties(family=FONT, size=_SIZE)
    places: list[Place] = []
    line, left = 0, 0.0
    for shown, (words, number) in enumerate(pieces):
        width = min(_measured(words, font) + 2 * _PAD, _WIDTH)
        if left and left + width > _WIDTH:
            line, left = line + 1, 0.0
        if line >= _LONGEST:
            return places, line, shown
        places.append((line, left, width, number))
        left += width + 0.05
    return places, line + 1, len(pieces)


def _measured(words: str, font: FontProperties) -> float:
    """Inches."""
    room = TextPath((0, 0), shorten(words, 70), prop=font).get_extents()
    return float(room.width) / 72 + 0.02


def _arcs(result: TargetResult, places: Sequence[Place]) -> list[Effect]:
    """The pairs that are drawn: the largest that were told from chance."""
    drawn = {number for _, _, _, number in places}
    told = [
        one
        for one in result.interactions
        if one.reported is not False and not one.spans_zero and one.order == 2
    ]
    return [one for one in told if set(one.members) <= drawn][:MOST_ARCS]


def _line_height(arcs: Sequence[Effect]) -> float:
    return _LINE + (0.45 if arcs else 0.0)


def _draw(axes: Axes, piece: Piece, place: Place, result: TargetResult, scale: float, height: float) -> None:
    (words, number), (line, left, width, _) = piece, place
    effect = result.main(number) if number >= 0 else None
    value = 0.0 if effect is None else effect.value
    strength = 0.85 * abs(value) / scale
    low = -line * height - 0.16
    axes.add_patch(
        FancyBboxPatch(
            (left, low), width, 0.3, boxstyle="round,pad=0,rounding_size=0.04", lw=0,
            facecolor=_mixed(HELPS if value > 0 else HURTS, strength) if number >= 0 else PAPER,
        )
    )  # fmt: skip
    ink = MUTED if number < 0 else PAPER if strength > 0.55 else INK
    axes.text(
        left + width / 2, low + 0.15, shorten(words, 70), size=_SIZE, color=ink, ha="center", va="center"
    )


def _draw_arc(
    axes: Axes, arc: Effect, places: Sequence[Place], arcs: Sequence[Effect], height: float
) -> None:
    ends = []
    for member in arc.members:
        line, left, width, _ = next(place for place in places if place[3] == member)
        ends.append((left + width / 2, -line * height + 0.15))
    first, last = sorted(ends)
    largest = max(abs(one.value) for one in arcs)
    across = abs(last[0] - first[0])
    bend = -min(0.45, 0.75 / max(across, 0.4)) if first[1] == last[1] else -0.25
    axes.add_patch(
        FancyArrowPatch(
            first, last, connectionstyle=f"arc3,rad={bend}", arrowstyle="-", color=INK,
            lw=0.8 + 2.2 * abs(arc.value) / largest, ls="-" if arc.value > 0 else (0, (3, 2)), alpha=0.8,
            shrinkA=1, shrinkB=1,
        )
    )  # fmt: skip


def _mixed(colour: str, strength: float) -> tuple[float, float, float]:
    """The colour on paper, 0 for none of it."""
    wanted = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    mixed = strength * wanted + (1 - strength)
    return float(mixed[0]), float(mixed[1]), float(mixed[2])


def _title(result: TargetResult, unit: str, cut: bool) -> str:
    judged = f", R² {share(result.r2)} on held-out masks" if result.r2 is not None else ""
    scale = max((abs(one.value) for one in result.mains), default=0.0)
    told = f"largest shade {signed(scale)[1:]} {unit_words(unit)}{judged}"
    return told + ("; the text goes on" if cut else "")
