"""The heat map of the page: groups against targets, as a table whose cells hold their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spex_data.reports.labels import decimals, signed
from spex_data.reports.results import Results

MOST_ROWS, MOST_COLUMNS = 64, 64
"""Groups and targets of a map; beyond that those with the largest effects are shown."""
MOST_NUMBERS = 16
"""Columns up to which cells show their numbers; beyond that signs alone, and the number when pointed at."""
LEVELS = 4
MINUS = "\u2212"
_GIANT = 4.0
"""Times the ninth decile of sizes."""


@dataclass(frozen=True)
class MapCell:
    """A group's mean effect on a target.

    Attributes:
        shade: "p1" to "p4" for help, "m1" to "m4" for harm, "z" for about nothing, "u" for unknown.
        number: In words.
    """

    shade: str
    number: str

    @property
    def sign(self) -> str:
        """What a cell too small for its number shows."""
        return {"p": "+", "m": MINUS, "u": "?"}.get(self.shade[0], "")


@dataclass(frozen=True)
class EffectsMap:
    """A table of mean effects.

    Attributes:
        groups: Numbers of the groups, a row each.
        targets: Places of the targets, a column each.
        cells: Row by row.
        dense: Whether the cells are too many to hold their numbers.
        left_out: How many groups and how many targets are not shown.
    """

    groups: tuple[int, ...]
    targets: tuple[int, ...]
    cells: tuple[tuple[MapCell, ...], ...]
    dense: bool
    left_out: tuple[int, int]


def main_effects(results: Results) -> NDArray[np.float64]:
    """float64[n_groups, t], the mean effect of each group on each target; NaN where unknown."""
    effects = np.full((len(results.groups), len(results.targets)), np.nan)
    for column, target in enumerate(results.targets):
        for effect in target.mains:
            effects[effect.members[0], column] = effect.value
    return effects


def largest_rows(effects: NDArray[np.float64], most: int) -> NDArray[np.intp]:
    """Rows of the largest effects, in their own order."""
    sizes = np.nan_to_num(np.abs(effects)).max(axis=1, initial=0.0)
    return np.sort(np.argsort(-sizes, kind="stable")[:most])


def effects_map(results: Results, *, first: Sequence[int] = ()) -> EffectsMap:
    """The map of a study.

    Args:
        results: What was found.
        first: Targets that stand first, such as those of one cluster beside each other.
    """
    effects = main_effects(results)
    rows = largest_rows(effects, MOST_ROWS).tolist()
    shown = largest_rows(effects.T, MOST_COLUMNS).tolist()
    columns = [one for one in first if one in shown]
    columns += [one for one in shown if one not in columns]
    kept = effects[rows][:, columns]
    scale = _scale(kept)
    places = max(decimals(scale) - 1, 0)
    return EffectsMap(
        tuple(rows),
        tuple(columns),
        tuple(tuple(_cell(float(value), scale, places) for value in row) for row in kept),
        len(columns) > MOST_NUMBERS,
        (len(results.groups) - len(rows), len(results.targets) - len(columns)),
    )


def _scale(effects: NDArray[np.float64]) -> float:
    """The size of the darkest shade: the largest effect, but a few giants do not wash out all others."""
    sizes = np.abs(effects[np.isfinite(effects)])
    if not sizes.any():
        return 1.0
    return float(min(sizes.max(), _GIANT * (np.quantile(sizes, 0.9) or sizes.max())))


def _cell(value: float, scale: float, places: int) -> MapCell:
    if not np.isfinite(value):
        return MapCell("u", "unknown")
    level = min(int(np.ceil(LEVELS * abs(value) / scale - 0.2)), LEVELS)
    shade = "z" if level <= 0 else f"{'p' if value > 0 else 'm'}{level}"
    return MapCell(shade, signed(value, places, minus=MINUS))
