"""Pictures across masks and across targets: predicted against actual, and the heat map of main effects."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike, NDArray

from spex_data.reports.effects_map import largest_rows, main_effects
from spex_data.reports.figure_style import (
    HELPS,
    INK,
    LINE,
    MUTED,
    framed_figure,
    house_style,
    place_keys,
    widths_of,
)
from spex_data.reports.labels import decimals, share, shorten, signed
from spex_data.reports.results import Results, read_results
from spex_data.reports.words import unit_words

MOST_GROUPS, MOST_TARGETS = 64, 64
"""Rows and columns of a heat map; beyond that those with the largest effects are shown."""
MOST_NUMBERS = 24
"""Rows and columns up to which a heat map's cells hold their numbers."""
_HURTS_TO_HELPS = ("#a84a00", "#f0b58a", "#f4f4f4", "#8fc0e0", "#00588a")
_MINUS = "\u2212"
_DIAGONAL: dict[str, Any] = {"color": MUTED, "lw": 1, "ls": (0, (4, 3))}
_DOTS: dict[str, Any] = {"ms": 5, "color": HELPS, "alpha": 0.75, "mec": "none"}
_NAME_SIZE, _SLANT = 8.5, 35
"""Points, and degrees by which the names of columns are turned."""


def predicted_against_actual(
    actual: ArrayLike,
    predicted: ArrayLike,
    *,
    target: str = "",
    unit: str = "value",
    r2: float | None = None,
    noise_ceiling: float | None = None,
    seed_sd: float | None = None,
    measured: str = "by fine-tuning",
) -> Figure:
    """What the expansion says of held-out masks against what was measured.

    Args:
        actual: float[h], mean over seeds; masks that are not finite here or in `predicted` are left out.
        predicted: float[h], in the same unit.
        target: Name for the title.
        unit: What the values are, such as "log-odds".
        r2: Named in the title when known.
        noise_ceiling: Named in the title when known.
        measured: How the values came about.
        seed_sd: Standard deviation that training seeds leave in `actual`; drawn as a band when known.
    """
    actual, predicted = np.asarray(actual, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    known = np.isfinite(actual) & np.isfinite(predicted)
    with house_style():
        figure, axes = framed_figure(4.7, 4.65, left=1.0, right=0.2, bottom=0.55, top=0.6)
        low, high = _range(np.concatenate([actual[known], predicted[known]]))
        ends = np.array([low, high])
        if seed_sd:
            axes.fill_between(
                ends,
                ends - seed_sd,
                ends + seed_sd,
                color=LINE,
                alpha=0.55,
                lw=0,
            )
        axes.plot(ends, ends, **_DIAGONAL)
        axes.plot(actual[known], predicted[known], "o", **_DOTS)
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        axes.locator_params(nbins=5)
        axes.set_xlabel(f"measured {measured} ({unit_words(unit)})")
        axes.set_ylabel(f"predicted ({unit_words(unit)})")
        judged = [f"R² {share(r2, minus=_MINUS)}"] if r2 is not None else []
        judged += [f"noise ceiling {share(noise_ceiling)}"] if noise_ceiling is not None else []
        axes.set_title("\n".join(filter(None, [shorten(target, 44), ", ".join(judged)])), loc="left")
        keys = _heldout_keys(int(known.sum()), banded=bool(seed_sd))
        place_keys(figure, keys, left=1.12, top=3.9, rows=len(keys))
        axes.grid(color=LINE, lw=0.5)
        axes.set_axisbelow(True)
    return figure


def _heldout_keys(masks: int, *, banded: bool) -> list[Line2D]:
    """A key for every sign that the picture of held-out masks has."""
    keys = [
        Line2D([], [], label="perfect prediction", **_DIAGONAL),
        Line2D([], [], ls="none", marker="o", label=f"{masks} held-out masks", **_DOTS),
    ]
    band = Line2D([], [], color=LINE, lw=7, alpha=0.55, label="one SD of training seeds")
    return [band, *keys] if banded else keys


def effects_heatmap(document: Mapping[str, Any] | Results, *, unit: str = "value") -> Figure:
    """Main effects of the groups on the targets; a hatched cell is unknown, which is not 0.

    Args:
        document: Of interactions.json, or `read_results` of it.
        unit: What the values are, such as "log-odds".
    """
    results = read_results(document)
    effects = main_effects(results)
    rows, columns = largest_rows(effects, MOST_GROUPS), largest_rows(effects.T, MOST_TARGETS)
    effects = effects[np.ix_(rows, columns)]
    scale = float(np.nanmax(np.abs(effects), initial=0.0)) or 1.0
    rows_named = [shorten(results.groups[row], 28) for row in rows]
    columns_named = [shorten(results.targets[column].name, 24) for column in columns]
    title = _title(rows, columns, results)
    with house_style():
        figure, axes, beside = _map_axes(rows_named, columns_named, 0.15 + 0.22 * len(title.splitlines()))
        colours = LinearSegmentedColormap.from_list("effects", _HURTS_TO_HELPS)
        axes.patch.set(hatch="////", edgecolor=LINE)
        mesh = axes.pcolormesh(
            np.ma.masked_invalid(effects), cmap=colours, norm=Normalize(-scale, scale), edgecolors="none",
            rasterized=effects.size > 1500,
        )  # fmt: skip
        if len(rows) <= MOST_NUMBERS and len(columns) <= MOST_NUMBERS:
            _write_numbers(axes, effects, scale)
        what = results.words.one if results.words.exact else "group of training examples"
        _name_axes(axes, rows_named, columns_named, what)
        bar = figure.colorbar(mesh, cax=beside)
        bar.set_label(f"mean effect of the {results.words.one} ({unit_words(unit)})")
        bar.outline.set_visible(False)  # type: ignore[operator]
        axes.set_title(title, loc="left")
    return figure


def _map_axes(rows: Sequence[str], columns: Sequence[str], top: float) -> tuple[Figure, Axes, Axes]:
    """A figure with room for the names, and `top` inches for the title: axes for the cells and the scale."""
    wide, high = min(max(0.62 * len(columns), 3.0), 12.0), min(max(0.3 * len(rows), 1.2), 13.0)
    slant = math.radians(_SLANT)
    widths = widths_of(columns, _NAME_SIZE)
    beneath = max((width * math.sin(slant) for width in widths), default=0.0)
    overhang = max(
        (width * math.cos(slant) - (place + 0.5) * wide / len(columns) for place, width in enumerate(widths)),
        default=0.0,
    )
    left = max(max(widths_of(rows, _NAME_SIZE), default=0.0) + 0.4, overhang + 0.1)
    bottom, right = beneath + 0.42, 1.15
    figure, axes = framed_figure(
        left + wide + right, bottom + high + top, left=left, right=right, bottom=bottom, top=top
    )
    width, height = figure.get_size_inches()
    tall = min(high, 4.5)
    beside = ((left + wide + 0.2) / width, (bottom + (high - tall) / 2) / height, 0.16 / width, tall / height)
    return figure, axes, figure.add_axes(beside)


def _write_numbers(axes: Axes, effects: NDArray[np.float64], scale: float) -> None:
    places = max(decimals(scale) - 1, 0)
    for (row, column), value in np.ndenumerate(effects):
        if np.isfinite(value):
            ink = "#fefefe" if abs(value) > 0.6 * scale else "#101418"
            text = signed(float(value), places, minus=_MINUS)
            axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", size=8, color=ink)


def _name_axes(axes: Axes, rows: Sequence[str], columns: Sequence[str], what: str) -> None:
    axes.set_yticks(np.arange(len(rows)) + 0.5, rows, color=INK, size=_NAME_SIZE)
    axes.set_xticks(
        np.arange(len(columns)) + 0.5, columns, color=INK, size=_NAME_SIZE, rotation=_SLANT, ha="right",
        rotation_mode="anchor",
    )  # fmt: skip
    axes.set_ylabel(what)
    axes.set_xlabel("target")
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _title(rows: NDArray[np.intp], columns: NDArray[np.intp], results: Results) -> str:
    title = f"{shorten(results.study, 32)}: mean effect of each {results.words.one}"
    if len(rows) < len(results.groups) or len(columns) < len(results.targets):
        left = (
            f"{len(rows)} of {len(results.groups)} {results.words.many},"
            f" {len(columns)} of {len(results.targets)} targets"
        )
        return f"{title}\nthe largest: {left}"
    return title


def _range(values: NDArray[np.float64]) -> tuple[float, float]:
    if values.size == 0:
        return -1.0, 1.0
    low, high = float(values.min()), float(values.max())
    margin = 0.06 * (high - low) or 1.0
    return low - margin, high + margin
