"""Which rows of a table a study uses: by number, by the values of columns, and at most so many."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spex_data.errors import DataError


def select_rows(
    table: pa.Table,
    *,
    source: str,
    rows: Sequence[int] | None = None,
    where: Mapping[str, Sequence[str]] | None = None,
    limit: Mapping[str, str | int] | None = None,
) -> NDArray[np.int64]:
    """The numbers of the rows that are used: those of `rows`, of them those of `where`, of them the first.

    Args:
        table: String columns.
        source: What errors call the table.
        rows: Row numbers from 0, in the order wanted; None is all in file order.
        where: Values to keep by column; a row is kept if each of the columns has one of its values.
        limit: {"rows": r} keeps the first r, {"per": column, "rows": r} the first r of each of its values.

    Returns:
        int64[k], row numbers of the table.

    Raises:
        DataError: If a column or row does not exist, a value occurs nowhere, or nothing is left.
    """
    kept = _numbered(table.num_rows, rows, source)
    for column, values in (where or {}).items():
        kept = _matching(table, kept, column, [str(value) for value in values], source)
    if not len(kept):
        raise DataError(
            "no row has all the values asked for", where=source, instead="loosen `where`, or name other rows"
        )
    return _first(table, kept, limit, source) if limit else kept


def require_column(table: pa.Table, name: str, source: str) -> pa.ChunkedArray:
    """The column of that name, or an error that names the nearest and lists what there is."""
    if name in table.column_names:
        return table[name]
    nearest = difflib.get_close_matches(name, table.column_names, 1, cutoff=0.5)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    there = ", ".join(repr(column) for column in table.column_names) or "none that hold text or numbers"
    raise DataError(f"has no column {name!r}", where=source, instead=f"{hint}its columns: {there}")


def _numbered(n_rows: int, rows: Sequence[int] | None, source: str) -> NDArray[np.int64]:
    if rows is None:
        return np.arange(n_rows, dtype=np.int64)
    outside = next((row for row in rows if not 0 <= row < n_rows), None)
    if outside is not None:
        raise DataError(
            f"has no row {outside}", where=source, instead=f"choose rows between 0 and {n_rows - 1}"
        )
    twice = [row for row, count in Counter(rows).items() if count > 1]
    if twice:
        raise DataError(f"row {twice[0]} is asked for twice", where=source, instead="name every row once")
    return np.array(rows, dtype=np.int64)


def _matching(
    table: pa.Table, kept: NDArray[np.int64], column: str, values: Sequence[str], source: str
) -> NDArray[np.int64]:
    cells = require_column(table, column, source).to_pylist()
    there = set(cells) - {None}
    for value in values:
        if value not in there:
            nearest = difflib.get_close_matches(value, there, 1)
            shown = ", ".join(repr(cell) for cell in sorted(there)[:8]) + (", ..." if len(there) > 8 else "")
            raise DataError(
                f"no row has {column} = {value!r}",
                where=source,
                instead=f"did you mean {nearest[0]!r}?" if nearest else f"its values are {shown}",
            )
    wanted = set(values)
    return np.array([row for row in kept if cells[row] in wanted], dtype=np.int64)


def _first(
    table: pa.Table, kept: NDArray[np.int64], limit: Mapping[str, str | int], source: str
) -> NDArray[np.int64]:
    unknown = set(limit) - {"per", "rows"}
    most = limit.get("rows")
    if unknown or not isinstance(most, int) or most < 1:
        raise DataError(
            f"a limit of {dict(limit)} is not one",
            where=source,
            instead='write {"rows": 400} or {"per": "column", "rows": 16}',
        )
    if limit.get("per") is None:
        return kept[:most]
    cells = require_column(table, str(limit["per"]), source).to_pylist()
    counts: Counter[str | None] = Counter()
    first = []
    for row in kept:
        counts[cells[row]] += 1
        if counts[cells[row]] <= most:
            first.append(row)
    return np.array(first, dtype=np.int64)
