"""A study proposed from a table of one's own: which rows are trained on, which explained, which groups."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from spex_data.errors import DataError
from spex_data.study.columns import Reading

ROWS = 400
"""Examples of a first study: about what the studies that come with the project train on."""
TARGETS = 12
CLUSTERS = 20
_FEWEST = 2

Cells = Mapping[str, Sequence[str | None]]


@dataclass(frozen=True)
class Proposal:
    """What goes into a study's file.

    Attributes:
        reading: Which columns are what.
        by: How the groups are made.
        k: Number of shards or clusters; None for groups by column.
        n_groups: Number of groups.
        per: Column of whose values `rows` are kept each; None if `rows` counts all.
        rows: Rows trained on, of each value of `per` or in all.
        trained: Number of examples.
        available: Number of rows of the file.
        targets: Row numbers, from 0, of the rows that are explained.
        held_back: Whether those rows are of the training file.
    """

    reading: Reading
    by: Literal["column", "kmeans", "shards"]
    k: int | None
    n_groups: int
    per: str | None
    rows: int
    trained: int
    available: int
    targets: tuple[int, ...]
    held_back: bool


def propose(cells: Cells, reading: Reading, *, source: str, test: Cells | None = None) -> Proposal:
    """Proposes a first study that is small enough to be run at once.

    The first rows of each group (or label) are trained on. The targets are rows after them, whose input is
    not trained on, spread over the labels; with a test file, rows of that.

    Args:
        cells: Columns of the training file, all of one length.
        reading: Which columns are what.
        source: What errors call the training file.
        test: Columns of the file that targets come from; None to hold back rows.

    Raises:
        DataError: Too few rows, a blank cell, or no row is left to explain.
    """
    n = len(cells[reading.inputs])
    for name in (reading.inputs, reading.answers):
        blank = next((row for row, cell in enumerate(cells[name]) if not (cell or "").strip()), None)
        if blank is not None:
            raise DataError(
                f"row {blank} has no value in {name!r} (the first row is row 0)",
                where=source,
                instead="fill it in, or leave the row out",
            )
    per = reading.group or (reading.answers if reading.task == "classification" else None)
    strata: Sequence[str | None] = cells[per] if per else ["all"] * n
    rows = _rows(strata, hold_back=0 if test is not None else min(TARGETS, max(1, n // 5)))
    kept = _first(strata, rows)
    by, k, n_groups = _grouping(reading, strata, len(kept))
    if len(kept) < _FEWEST or n_groups < _FEWEST:
        raise DataError(
            f"has {n} rows, too few for two groups and a row to explain",
            where=source,
            instead="give a file with more rows, or the rows to explain with --test",
        )
    asked = test if test is not None else cells
    targets = _targets(
        asked,
        reading,
        taken={cells[reading.inputs][row] for row in kept},
        labels=_labels(cells, reading, kept),
    )
    if not targets:
        raise DataError(
            "no row is left to explain whose text is not trained on",
            where=source,
            instead="give a file of such rows with --test",
        )
    return Proposal(reading, by, k, n_groups, per, rows, len(kept), n, targets, held_back=test is None)


def _labels(cells: Cells, reading: Reading, kept: Sequence[int]) -> set[str | None] | None:
    """The labels that a classifier knows; None where answers are free text."""
    return {cells[reading.answers][row] for row in kept} if reading.task == "classification" else None


def _rows(strata: Sequence[str | None], *, hold_back: int) -> int:
    """The most rows of each value that stay within `ROWS` and leave enough to explain."""
    counts = Counter(strata)
    rows = max(1, min(ROWS // len(counts), max(counts.values())))
    while rows > 1 and sum(max(count - rows, 0) for count in counts.values()) < hold_back:
        rows -= 1
    return rows


def _first(strata: Sequence[str | None], rows: int) -> list[int]:
    seen: Counter[str | None] = Counter()
    kept = []
    for row, value in enumerate(strata):
        seen[value] += 1
        if seen[value] <= rows:
            kept.append(row)
    return kept


def _grouping(
    reading: Reading, strata: Sequence[str | None], trained: int
) -> tuple[Literal["column", "kmeans", "shards"], int | None, int]:
    if reading.group:
        n_groups = len(set(strata))
        return "column", None, n_groups
    k = min(CLUSTERS, trained // 4)
    # Clusters are of the base model's embeddings, which are known to be good for MiniLM only.
    return ("kmeans" if reading.task == "classification" else "shards"), k, k


def _targets(
    cells: Cells, reading: Reading, *, taken: set[str | None], labels: set[str | None] | None
) -> tuple[int, ...]:
    """Rows to explain in file order, one of each answer before a second of any."""
    inputs, answers = cells[reading.inputs], cells[reading.answers]
    waiting: dict[str | None, list[int]] = defaultdict(list)
    seen: set[str | None] = set(taken)
    for row, (text, answer) in enumerate(zip(inputs, answers, strict=True)):
        usable = (text or "").strip() and (answer or "").strip() and (labels is None or answer in labels)
        if usable and text not in seen:
            seen.add(text)
            waiting[answer].append(row)
    ranked = sorted((place, rows[place]) for rows in waiting.values() for place in range(len(rows)))
    chosen = ranked[:TARGETS]
    if len(waiting) > TARGETS:
        # Every so-many-th answer: files are often sorted by label.
        firsts = [rows[0] for rows in waiting.values()]
        return tuple(sorted(firsts[index * len(firsts) // TARGETS] for index in range(TARGETS)))
    return tuple(sorted(row for _, row in chosen))
