"""Every effect of every target as one table, for a spreadsheet or a data frame."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from spex_data.reports.labels import inert
from spex_data.reports.results import Effect, Results, TargetResult, read_results
from spex_data.reports.words import kind_word
from spex_data.values import write_whole

COLUMNS = (
    "target", "rank", "groups", "members", "order", "kind", "effect", "low", "high", "moebius", "full",
    "reported", "verified", "retrained", "r2", "noise_ceiling",
)  # fmt: skip
_FORMULAS = ("=", "+", "-", "@")


def write_table(path: str | Path, document: Mapping[str, Any]) -> None:
    """Writes interactions.csv, whole or not at all.

    Raises:
        StoreError: The document is none, or the disk is full or read-only.
    """
    write_whole(Path(path), table_text(document).encode("utf-8", "replace"))


def table_text(document: Mapping[str, Any]) -> str:
    """The table as CSV: of each target its interactions by rank, then its single groups; unknown is empty.

    Args:
        document: Of interactions.json.
    """
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_rows(read_results(document)))
    return text.getvalue()


def _rows(results: Results) -> Iterator[list[object]]:
    for target in results.targets:
        for rank, effect in enumerate(target.interactions, start=1):
            yield _row(target, effect, rank)
        for effect in target.mains:
            yield _row(target, effect, None)


def _row(target: TargetResult, effect: Effect, rank: int | None) -> list[object]:
    low, high = effect.ci or (None, None)
    return [
        _cell(target.name),
        rank,
        " x ".join(_cell(name) for name in effect.groups),
        " ".join(map(str, effect.members)),
        effect.order,
        _cell(kind_word(effect)),
        effect.value,
        low,
        high,
        effect.moebius,
        effect.full,
        effect.reported,
        effect.verified,
        effect.observed,
        target.r2,
        target.noise_ceiling,
    ]


def _cell(text: str) -> str:
    """A name as a cell: what a spreadsheet would compute is quoted, as anyone may have named a group."""
    text = inert(text)
    return f"'{text}" if text.startswith(_FORMULAS) else text
