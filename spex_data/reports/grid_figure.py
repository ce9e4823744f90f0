"""Heads and MLP blocks as a grid of layers and heads, with edges between those that act together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from spex_data.reports.figure_style import INK, LINE, MUTED, blank_figure, house_style
from spex_data.reports.labels import share
from spex_data.reports.results import Effect, Results, TargetResult, read_results
from spex_data.reports.words import unit_words

MOST_EDGES = 20
"""Interactions drawn; tables hold all."""
_HURTS_TO_HELPS = ("#a84a00", "#f0b58a", "#f4f4f4", "#8fc0e0", "#00588a")
_NAME = re.compile(r"^L(\d+) (?:H(\d+)|MLP)$")


def component_grid(
    document: Mapping[str, Any] | Results, *, target: str | None = None, unit: str = "value"
) -> Figure:
    """Draws components by layer and head, shaded by their mean effect, with edges between pairs.

    A solid edge joins components worth more together than apart, a dashed one components worth less; the
    thicker, the larger. A cell without a component of the study is hatched.

    Args:
        document: Of interactions.json, or `read_results` of it, of the lens components.
        target: Name; the first where none is given.
        unit: What the values are, such as "accuracy".

    Raises:
        TargetError: There is no such target.
    """
    results = read_results(document)
    result = results.targets[0] if target is None else results.target(target)
    cells = [_cell(name) for name in results.groups]
    layers = sorted({layer for layer, _ in cells})
    columns = sorted({head for _, head in cells}, key=lambda head: (head < 0, head))
    where = [(columns.index(head), layers.index(layer)) for layer, head in cells]
    scale = max((abs(one.value) for one in result.mains), default=0.0) or 1.0
    colours, norm = LinearSegmentedColormap.from_list("effects", _HURTS_TO_HELPS), Normalize(-scale, scale)
    with house_style():
        width, height = 2.2 + max(0.55 * len(columns), 2.6), 1.7 + max(0.5 * len(layers), 1.2)
        figure, axes = blank_figure(min(width, 16.0), min(height, 16.0))
        axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(-0.5, len(layers) - 0.5), aspect="equal")
        for x, y in {(x, y) for x in range(len(columns)) for y in range(len(layers))} - set(where):
            axes.add_patch(
                Rectangle((x - 0.46, y - 0.46), 0.92, 0.92, fill=False, hatch="////", ec=LINE, lw=0)
            )
        for number, (x, y) in enumerate(where):
            effect = result.main(number)
            shade = colours(norm(effect.value if effect else 0.0))
            axes.add_patch(Rectangle((x - 0.46, y - 0.46), 0.92, 0.92, facecolor=shade, lw=0))
        for edge in _edges(result):
            _draw_edge(axes, edge, where, result)
        axes.set_xticks(range(len(columns)), ["MLP" if head < 0 else str(head) for head in columns])
        axes.set_yticks(range(len(layers)), [str(layer) for layer in layers])
        axes.set_xlabel("head")
        axes.set_ylabel("layer")
        axes.tick_params(length=0, colors=MUTED)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(_mappable(norm, colours), ax=axes, shrink=0.85, pad=0.03, aspect=25)
        bar.set_label(f"mean effect\n({unit_words(unit)})")
        bar.outline.set_visible(False)  # type: ignore[operator]
        judged = f", R² {share(result.r2)} on held-out masks" if result.r2 is not None else ""
        axes.set_title(f"{len(cells)} components{judged}", loc="left")
    return figure


def pruning_curve(document: Mapping[str, Any]) -> Figure:
    """What is left of the task with so many components kept, by every rule, each value measured.

    Args:
        document: Of prune.json.
    """
    sizes = document["sizes"]
    kept = [one["kept"] for one in sizes]
    lines = [
        ("the expansion", [one["expansion"]["value"] for one in sizes], "#0072b2", "-", "o"),
        ("single effects", [one["single effects"]["value"] for one in sizes], "#009e73", "-", "s"),
        ("best random", [one["random"]["best"] for one in sizes], "#d55e00", "--", "v"),
        ("magnitude", [one["magnitude"]["value"] for one in sizes], "#cc79a7", "--", "^"),
        ("mean random", [one["random"]["mean"] for one in sizes], MUTED, ":", "x"),
    ]
    with house_style():
        figure, axes = blank_figure(5.4, 3.8)
        axes.axhline(document["whole"], color=LINE, lw=1.2)
        axes.annotate(
            "whole model", (0, document["whole"]), (2, 3), xycoords=("axes fraction", "data"),
            textcoords="offset points", color=MUTED, size=8,
        )  # fmt: skip
        for name, values, colour, style, mark in lines:
            axes.plot(kept, values, color=colour, ls=style, marker=mark, ms=5, lw=1.4, label=name)
        axes.set_xlabel(f"components kept, of {document['components']}")
        axes.set_ylabel(f"measured {unit_words(document['unit'])}")
        axes.set_xticks(kept)
        axes.legend(loc="best")
        axes.grid(color=LINE, lw=0.5)
        axes.set_axisbelow(True)
        axes.set_title("Pruning, every point measured", loc="left")
    return figure


def _cell(name: str) -> tuple[int, int]:
    """(layer, head) of a component's name, head -1 for the MLP block."""
    found = _NAME.match(name)
    if found is None:
        raise ValueError(f"{name!r} is no component's name")
    return int(found[1]), -1 if found[2] is None else int(found[2])


def _edges(result: TargetResult) -> list[Effect]:
    told = [
        one
        for one in result.interactions
        if one.reported is not False and not one.spans_zero and one.order == 2
    ]
    return told[:MOST_EDGES]


def _draw_edge(axes: Axes, edge: Effect, where: Sequence[tuple[int, int]], result: TargetResult) -> None:
    first, last = (where[member] for member in edge.members)
    largest = max(abs(one.value) for one in _edges(result))
    axes.add_patch(
        FancyArrowPatch(
            first, last, connectionstyle="arc3,rad=0.18", arrowstyle="-", color=INK, alpha=0.75,
            lw=0.7 + 2.3 * abs(edge.value) / largest, ls="-" if edge.value > 0 else (0, (3, 2)),
            shrinkA=3, shrinkB=3,
        )
    )  # fmt: skip
    axes.plot(*np.array([first, last]).T, "o", ms=3.5, color=INK, alpha=0.8)


def _mappable(norm: Normalize, colours: LinearSegmentedColormap) -> Any:
    from matplotlib.cm import ScalarMappable

    return ScalarMappable(norm, colours)
