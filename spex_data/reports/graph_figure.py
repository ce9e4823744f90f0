"""The picture of a target: which groups act on it, and which act on it together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from spex_data.reports.figure_style import HELPS, HURTS, INK, MUTED, PAPER, house_style, place_keys
from spex_data.reports.graph_places import (
    Point,
    along,
    free_hub,
    free_middle,
    in_rows,
    neighbours_together,
    on_a_circle,
)
from spex_data.reports.labels import decimals, shorten, signed
from spex_data.reports.results import Effect, Results, TargetResult, read_results
from spex_data.reports.words import SMALL, unit_words

MOST_INTERACTIONS, MOST_TOGETHER, MOST_ALONE = 12, 12, 6
"""Interactions, groups among them, and groups beside them that a picture has room for."""
FLOOR = 0.08
"""Share of the largest effect below which nothing is drawn."""
_DASHES = (0, (3.2, 1.6))
_MINUS = "\u2212"
_NAME_LENGTH = 24
"""Characters of a name."""
VERDICTS = {"confirmed": " \u2713", "refuted": " \u2717"}
"""What stands behind the number of an interaction that was retrained."""
_ABOVE = 0.55
"""Inches for the title."""


@dataclass(frozen=True)
class _Scene:
    """What is drawn, and where.

    Attributes:
        result: The target.
        interactions: Those drawn.
        places: Group -> float64[2] in inches; on a circle those that interact, in rows beneath it the others.
        together: How many of them stand on the circle.
        labels: Group -> its label.
    """

    result: TargetResult
    interactions: tuple[Effect, ...]
    places: Mapping[int, Point]
    together: int
    labels: Mapping[int, str]


def interaction_graph(document: Mapping[str, Any] | Results, target: str, *, unit: str = "value") -> Figure:
    """The groups that act on a target, and lines between those that act on it together.

    A disc is a group that helps on average, a square one that hurts, its area the size of the mean effect. A
    solid blue line joins two groups worth more together than apart, a dashed vermilion one two worth less;
    its width is the size. A boxed number joined to three groups or more is an interaction of that order.
    Interactions that were tested and not told from chance are left out.

    Args:
        document: Of interactions.json, or `read_results` of it, which many targets share.
        target: Name of the target.
        unit: What the values are, such as "log-odds".

    Raises:
        TargetError: There is no such target.
    """
    results = read_results(document)
    scene = _scene(results.target(target), results.groups)
    with house_style():
        keys = _legend(scene)
        beneath = 0.12 + 0.21 * math.ceil(len(keys) / 2)
        low, high = _corners(scene)
        width, height = high - low
        figure = Figure(figsize=(width, height + beneath + _ABOVE))
        FigureCanvasAgg(figure)
        axes = figure.add_axes(
            (0, beneath / (height + beneath + _ABOVE), 1, height / (height + beneath + _ABOVE))
        )
        axes.set_axis_off()
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        _draw_interactions(axes, scene)
        _draw_groups(axes, scene)
        title = f"{shorten(target, 60)}\neffects on the {unit_words(unit)}{_if_small(scene.result, results)}"
        figure.text(0.02, 1 - 0.08 / (height + beneath + _ABOVE), title, va="top", size=11)
        if keys:
            rows = math.ceil(len(keys) / 2)
            place_keys(figure, keys, left=width / 2 - 2.75, top=0.2 * rows - 0.02, rows=rows, wide=2.9)
        else:
            axes.text(0.5, 0.5, "no effect was found", ha="center", color=MUTED, transform=axes.transAxes)
    return figure


def _if_small(result: TargetResult, results: Results) -> str:
    """A warning where a picture drawn to its own scale would make much of little."""
    small = result.scale < SMALL * results.scale
    return f", all small (the study's largest: {signed(results.scale)[1:]})" if small else ""


def _scene(result: TargetResult, groups: Sequence[str]) -> _Scene:
    floor = FLOOR * result.scale
    interactions: list[Effect] = []
    members: set[int] = set()
    told = [one for one in result.interactions if one.reported is not False]
    for effect in told[:MOST_INTERACTIONS]:
        if abs(effect.value) >= floor and len(members | set(effect.members)) <= MOST_TOGETHER:
            interactions.append(effect)
            members |= set(effect.members)
    alone = [
        one.members[0] for one in result.mains if abs(one.value) >= floor and one.members[0] not in members
    ]
    circle = on_a_circle(neighbours_together(interactions))
    lowest = min((float(place[1]) for place in circle.values()), default=1.0)
    places = {**circle, **in_rows(alone[:MOST_ALONE], top=lowest - 1.15)}
    return _Scene(result, tuple(interactions), places, len(circle), {one: groups[one] for one in places})


def _corners(scene: _Scene) -> tuple[Point, Point]:
    """Lower left and upper right of what is drawn with its names, in inches, about the circle's middle."""
    if not scene.places:
        return np.array([-3.0, -0.7]), np.array([3.0, 0.7])
    points = np.array(list(scene.places.values()))
    aside = 2.15 if scene.together > 2 else 1.1
    reach = max(float(np.abs(points[:, 0]).max()) + aside, 3.0)
    return np.array([-reach, points[:, 1].min() - 0.75]), np.array([reach, points[:, 1].max() + 0.7])


def _draw_interactions(axes: Axes, scene: _Scene) -> None:
    taken = list(scene.places.values())
    largest = scene.result.scale
    pairs = [one for one in scene.interactions if one.order == 2]
    larger = [one for one in scene.interactions if one.order > 2]
    spokes, lines = [], []
    hubs: list[Point] = []
    on_lines = [spot for one in pairs for spot in along(*_ends(one, scene))]
    for effect in larger:
        ends = [scene.places[member] for member in effect.members]
        hub = free_hub(ends, taken + on_lines, hubs)
        taken.append(hub)
        hubs.append(hub)
        on_lines += [spot for end in ends for spot in along(hub, end)]
        spokes += [_Line(hub, end, 1.2, effect) for end in ends]
        _number(axes, hub, effect, scene, boxed=True)
    for effect in pairs:
        start, end = _ends(effect, scene)
        lines.append(_Line(start, end, 1.2 + 5.0 * abs(effect.value) / largest, effect))
        middle = free_middle(start, end, taken)
        taken.append(middle)
        _number(axes, middle, effect, scene, boxed=False)
    _draw_lines(axes, spokes, zorder=1.5)
    _draw_lines(axes, lines, zorder=1)


def _ends(pair: Effect, scene: _Scene) -> tuple[Point, Point]:
    first, last = pair.members
    return scene.places[first], scene.places[last]


@dataclass(frozen=True)
class _Line:
    """From where to where, how many points thick, and what it stands for."""

    start: Point
    end: Point
    width: float
    effect: Effect


def _draw_lines(axes: Axes, lines: Sequence[_Line], *, zorder: float) -> None:
    """All lines as one artist: one each takes several times as long."""
    axes.add_collection(
        LineCollection(
            [(tuple(one.start), tuple(one.end)) for one in lines],
            colors=[_colour(one.effect) for one in lines],
            linewidths=[one.width for one in lines],
            linestyles=[_line(one.effect) for one in lines],
            zorder=zorder,
        ),
        autolim=False,
    )


def _number(axes: Axes, place: Point, effect: Effect, scene: _Scene, *, boxed: bool) -> None:
    colour = _colour(effect)
    edge: dict[str, Any] = (
        {"edgecolor": colour, "lw": 1.2, "ls": _line(effect)} if boxed else {"edgecolor": "none"}
    )
    box = {"boxstyle": "round,pad=0.35" if boxed else "round,pad=0.15", "facecolor": PAPER, **edge}
    style: dict[str, Any] = {"size": 9.5, "weight": "bold", "color": colour, "zorder": 4, "bbox": box}
    text = _signed(effect, scene) + VERDICTS.get(effect.verified, "")
    axes.text(place[0], place[1], text, ha="center", va="center", **style)


def _draw_groups(axes: Axes, scene: _Scene) -> None:
    marks: dict[tuple[str, str], list[tuple[Point, float]]] = {}
    for position, (group, place) in enumerate(scene.places.items()):
        main = scene.result.main(group)
        size = 60 + 700 * abs(main.value) / scene.result.scale if main and main.value else 60
        colour = MUTED if main is None else _colour(main)
        marker = "D" if main is None else "o" if main.value > 0 else "s"
        marks.setdefault((marker, colour), []).append((place, size))
        reach = 0.06 + math.sqrt(size) / 144
        _name(axes, place, reach, scene, group, on_circle=position < scene.together)
    for (marker, colour), alike in marks.items():
        x, y = np.array([place for place, _ in alike]).T
        sizes = [size for _, size in alike]
        axes.scatter(x, y, s=sizes, marker=marker, color=colour, edgecolor=PAPER, lw=1.5, zorder=3)


def _name(axes: Axes, place: Point, reach: float, scene: _Scene, group: int, *, on_circle: bool) -> None:
    """A group's name and mean effect: outside the circle, or beneath its mark."""
    x, y = place
    main = scene.result.main(group)
    effect = "effect unknown" if main is None else _signed(main, scene)
    sideways = on_circle and abs(x) > 0.3 and scene.together > 2
    if sideways:
        align, x, top = ("left", x + reach, y + 0.16) if x > 0 else ("right", x - reach, y + 0.16)
    else:
        above = on_circle and y > 0.5
        align, top = "center", y + reach + 0.33 if above else y - reach
    name = shorten(scene.labels[group], _NAME_LENGTH)
    axes.text(x, top, name, ha=align, va="top", size=9.5, color=INK, zorder=5)
    axes.text(x, top - 0.17, effect, ha=align, va="top", size=9, color=MUTED, zorder=5)


def _legend(scene: _Scene) -> list[Line2D]:
    """A key for every sign that the picture has, in words."""
    mains = [scene.result.main(group) for group in scene.places]
    pairs = [one for one in scene.interactions if one.order == 2]
    larger = [one for one in scene.interactions if one.order > 2]
    outcomes = {one.verified for one in scene.interactions}

    def mark(shape: str, colour: str, words: str) -> Line2D:
        return Line2D([], [], marker=shape, ls="none", color=colour, ms=8, label=words)

    def line(colour: str, style: Any, width: float, words: str) -> Line2D:
        return Line2D([], [], color=colour, ls=style, lw=width, label=words)

    keys = [
        (
            any(one and one.value > 0 for one in mains),
            mark("o", HELPS, "group that helps, and its mean effect"),
        ),
        (
            any(one and one.value <= 0 for one in mains),
            mark("s", HURTS, "group that hurts, and its mean effect"),
        ),
        (any(one is None for one in mains), mark("D", MUTED, "group of unknown mean effect")),
        (any(one.value > 0 for one in pairs), line(HELPS, "-", 3, "pair worth more together than apart")),
        (
            any(one.value <= 0 for one in pairs),
            line(HURTS, _DASHES, 3, "pair worth less together than apart"),
        ),
        (bool(larger), line(MUTED, (0, (1, 1)), 1.2, "boxed: three groups or more at once")),
        ("confirmed" in outcomes, mark("", MUTED, "\u2713 confirmed by retraining")),
        ("refuted" in outcomes, mark("", MUTED, "\u2717 refuted by retraining")),
    ]
    return [key for present, key in keys if present]


def _signed(effect: Effect, scene: _Scene) -> str:
    return signed(effect.value, max(decimals(scene.result.scale) - 1, 0), minus=_MINUS)


def _colour(effect: Effect) -> str:
    return HELPS if effect.value > 0 else HURTS


def _line(effect: Effect) -> Any:
    return "-" if effect.value > 0 else _DASHES
