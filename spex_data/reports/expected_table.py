"""What R2 to expect of a budget, by a study's own first masks, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text


def expected_table(expected: Mapping[str, Any]) -> RenderableType:
    """The learning curve as a table of at most 80 columns, the study's own budget marked.

    Args:
        expected: The part of a plan that says it: measured, targets, of_targets, ceiling, rows.
    """
    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(3):
        table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_row(*(Text(head, style="dim") for head in ("masks", "R2", "90% interval", "")))
    for row in expected["rows"]:
        words = [
            *(["measured"] if row["masks"] == expected["measured"] else []),
            *(["this study"] if row["this"] else []),
        ]
        cells = (
            f"{row['masks']:,}",
            f"{row['r2']:.2f}",
            f"{row['low']:.2f} to {row['high']:.2f}",
            ", ".join(words),
        )
        table.add_row(*(Text(cell, style="bold" if row["this"] else "") for cell in cells))
    ceiling = expected["ceiling"]
    limit = f"Seed noise allows {ceiling:.2f}. " if ceiling is not None else ""
    note = (
        f"R2 to expect on held-out masks, by a learning curve of the {expected['measured']:,} masks that are "
        f"measured here ({expected['targets']} of {expected['of_targets']} targets, mean). {limit}"
        "Beyond them a power law is carried on, and its interval was calibrated on known games "
        "(python benchmarks/learning.py)."
    )
    return Group(table, Text(), Text(note, style="dim"))
