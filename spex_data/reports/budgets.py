"""What to expect of a budget: what was measured on planted games, beside what it would cost here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from spex_data.reports.durations import duration

COMMAND = "python benchmarks/budgets.py"
"""What measured the figures below."""


@dataclass(frozen=True)
class Measured:
    """Means over five planted games of 16 groups, one of each family, at a signal-to-noise ratio of 10.

    Attributes:
        alpha: Masks over n log2(n).
        r2: On 1,000 masks that were not decoded from, without noise.
        r2_least: The least of the games.
        recall: Share of the 10 largest pairs that are among the method's own 10.
        f1: Of the interactions reported at a false discovery rate of 10%.
    """

    alpha: int
    r2: float
    r2_least: float
    recall: float
    f1: float


MEASURED = (
    Measured(1, 0.796, 0.373, 0.893, 0.717),
    Measured(2, 0.983, 0.970, 1.0, 0.978),
    Measured(4, 0.994, 0.990, 1.0, 0.987),
    Measured(8, 0.995, 0.989, 1.0, 0.976),
)


def budget_rows(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each measured budget with its cost in this study, and the study's own budget among them.

    The study's own has figures only where its alpha was measured: nothing is interpolated.

    Args:
        plan: The document of a plan; groups, masks, held-out masks, seeds, workers and the engine are read.

    Returns:
        Rows by ascending masks: alpha, masks, fine_tunes, seconds (from the beginning), this (whether it is
        the study's own), and r2, r2_least, recall and f1, None where they were not measured.
    """
    groups, own = int(plan["groups"]), int(plan["masks"])
    unit = groups * log2(groups)
    heldout = int(plan["heldout_masks"]) * int(plan["heldout_seeds"])
    each = float(plan["engine"]["seconds_a_mask"]) / max(int(plan["workers"]), 1)
    known = {one.alpha: one for one in MEASURED}
    # A budget that was asked for by alpha is that alpha, however its masks were rounded.
    same = next((alpha for alpha in known if abs(own - alpha * unit) < 1), None)
    budgets = {alpha: int(alpha * unit) for alpha in known if alpha != same}
    rows: list[tuple[float, int, Measured | None, bool]] = [
        (float(alpha), masks, known[alpha], False) for alpha, masks in budgets.items()
    ]
    rows.append((same or own / unit, own, known.get(same or 0), True))
    return [
        {
            "alpha": round(alpha, 2),
            "masks": masks,
            "fine_tunes": masks + heldout,
            "seconds": each * (masks + heldout),
            "this": this,
            "r2": one and one.r2,
            "r2_least": one and one.r2_least,
            "recall": one and one.recall,
            "f1": one and one.f1,
        }
        for alpha, masks, one, this in sorted(rows, key=lambda row: row[1])
    ]


def budget_table(rows: list[dict[str, Any]]) -> RenderableType:
    """The budgets as a table of at most 80 columns, the study's own marked.

    Args:
        rows: Of `budget_rows`.
    """
    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(6):
        table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    heads = ("alpha", "masks", "time in all", "R2 (least)", "top 10 found", "F1", "")
    table.add_row(*(Text(head, style="dim") for head in heads))
    for row in rows:
        style = "bold" if row["this"] else ""
        measured = row["r2"] is not None
        cells = (
            f"{row['alpha']:g}",
            f"{row['masks']:,}",
            duration(row["seconds"]),
            f"{row['r2']:.2f} ({row['r2_least']:.2f})" if measured else "not measured",
            f"{row['recall']:.0%}" if measured else "-",
            f"{row['f1']:.2f}" if measured else "-",
            "this study" if row["this"] else "",
        )
        table.add_row(*(Text(cell, style=style) for cell in cells))
    note = (
        "What other budgets cost here, from the beginning, and what they recovered of five planted "
        f"games of 16 groups with noise of a tenth of the signal's variance ({COMMAND}). Real data may "
        "be harder: noisier, or with more that interacts."
    )
    return Group(table, Text(), Text(note, style="dim"))
