"""Value tables as files: `values.parquet` of a run, or anyone's table with a mask and a value column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spex_data.errors import SpexDataError, StoreError
from spex_data.masks import mask_string, masks_from_strings
from spex_data.values.store import write_parquet
from spex_data.values.table import ROLES, ValueTable
from spex_data.values.tabular import read_tabular

_WANTED = {pa.string(): "text", pa.int64(): "whole numbers", pa.float64(): "numbers"}
_SAMPLES = {pa.string(): "0110", pa.int64(): "7", pa.float64(): "-0.53"}


def write_value_table(table: ValueTable, path: Path) -> None:
    """Writes a table in the long form: `mask, role, seed, target, value, cause`, a row a value.

    Args:
        table: What to write.
        path: A `.parquet` file; the same table gives the same bytes.

    Raises:
        StoreError: The disk is full or read-only.
    """
    rows, columns = table.values.shape
    each = np.repeat(np.arange(rows), columns)
    flat = table.values.ravel()
    long = pa.table(
        {
            "mask": pa.array([mask_string(mask) for mask in table.masks], pa.string()).take(pa.array(each)),
            "role": pa.array(table.roles, pa.string()).take(pa.array(each)),
            "seed": pa.array(table.seeds[each], pa.int64()),
            "target": pa.array(list(table.targets) * rows, pa.string()),
            "value": pa.array(flat, mask=np.isnan(flat)),
            "cause": pa.array(table.causes, pa.string()).take(pa.array(each)),
        }
    )
    write_parquet(long, path)


def read_value_table(path: str | Path) -> ValueTable:
    """Reads a table of masks and values, ours or another's.

    Args:
        path: `.parquet`, `.csv` or `.tsv` with columns `mask` (strings of 0 and 1), `value`, and optionally
            `target`, `role` (blank is "train"), `seed` and `cause`.

    Returns:
        A ValueTable; the k-th value of a (mask, role, seed, target) that stands several times is its own row.

    Raises:
        StoreError: No such file, or a column that is missing or holds something else.
    """
    path = Path(path)
    long = read_tabular(path)
    for column in ("mask", "value"):
        if column not in long.column_names:
            raise StoreError(
                f"has no column {column!r} (it has {', '.join(long.column_names) or 'none'})",
                where=str(path),
                instead="write a column `mask` of strings such as 0110 and a column `value` of numbers",
            )
    if long.num_rows == 0:
        raise StoreError("has no rows", where=str(path), instead="give a table with one row a value")
    return _pivot(_with_defaults(long, path), path)


def _with_defaults(long: pa.Table, path: Path) -> pa.Table:
    """The six columns with their types; blanks of optional columns filled."""
    blank: dict[str, tuple[pa.DataType, object]] = {
        "mask": (pa.string(), None),
        "role": (pa.string(), "train"),
        "seed": (pa.int64(), 0),
        "target": (pa.string(), "value"),
        "value": (pa.float64(), None),
        "cause": (pa.string(), None),
    }
    columns = {}
    for name, (kind, default) in blank.items():
        column = long[name] if name in long.column_names else pa.nulls(long.num_rows, kind)
        try:
            column = column.cast(kind)
        except pa.ArrowException:
            raise StoreError(
                f"column {name!r} holds {_example(column)} and not {_WANTED[kind]}",
                where=str(path),
                instead=f"write {_WANTED[kind]}, such as {_SAMPLES[kind]}",
            ) from None
        columns[name] = column if default is None else pc.fill_null(column, default)
    unknown = sorted(set(columns["role"].unique().to_pylist()) - set(ROLES))
    if unknown:
        raise StoreError(
            f"column 'role' holds {unknown[0]!r}",
            where=str(path),
            instead="write train for masks to decode, heldout for masks to judge by, or leave it blank",
        )
    if columns["mask"].null_count:
        raise StoreError("column 'mask' has blank rows", where=str(path), instead="write one mask a row")
    return pa.table(columns)


def _example(column: pa.ChunkedArray) -> str:
    """What a column holds: text by its first that is no number, anything else by its type."""
    if not pa.types.is_string(column.type):
        return str(column.type)
    return next((repr(text) for text in column.to_pylist() if text and not _is_number(text)), "text")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _pivot(long: pa.Table, path: Path) -> ValueTable:
    """One row a (mask, role, seed) in the order first seen; a value that stands again begins another row."""
    masks, roles, targets = (_coded(long[name]) for name in ("mask", "role", "target"))
    seeds, values = long["seed"].to_numpy(), long["value"].to_numpy(zero_copy_only=False)
    rows, first = _rows((masks[0], roles[0], seeds), targets[0])
    table = np.full((len(first), len(targets[1])), np.nan)
    table[rows, targets[0]] = values
    causes: list[str | None] = [None] * len(first)
    for place in np.flatnonzero(
        pc.not_equal(pc.fill_null(long["cause"], ""), "").to_numpy(zero_copy_only=False)
    ):
        causes[rows[place]] = long["cause"][int(place)].as_py()
    try:
        distinct = masks_from_strings(masks[1])
    except SpexDataError as error:
        raise StoreError(error.what, where=f"{path}, column mask", instead=error.instead) from None
    return ValueTable(
        targets=tuple(targets[1]),
        masks=distinct[masks[0][first]],
        roles=tuple(roles[1][code] for code in roles[0][first]),
        seeds=seeds[first].astype(np.int64),
        values=table,
        causes=tuple(causes),
    )


def _coded(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], list[str]]:
    """A column as numbers, and what they stand for in the order first seen."""
    whole = column.combine_chunks().dictionary_encode()
    whole = whole.combine_chunks() if isinstance(whole, pa.ChunkedArray) else whole
    return whole.indices.to_numpy().astype(np.int64), whole.dictionary.to_pylist()


def _rows(
    columns: tuple[NDArray[np.int64], ...], targets: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The row of the pivoted table that each value belongs to, and the first value of each row."""
    cells = _numbered((*columns, targets))[0]
    # How often the same cell stood before: sorted by cell, the distance to where its run begins.
    order = np.argsort(cells, kind="stable")
    begins = np.r_[True, np.diff(cells[order]) != 0]
    repeats = np.empty(len(cells), np.int64)
    repeats[order] = np.arange(len(cells)) - np.flatnonzero(begins)[np.cumsum(begins) - 1]
    return _numbered((*columns, repeats))


def _numbered(columns: tuple[NDArray[np.int64], ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers distinct rows of columns in the order first seen; and where each stands first."""
    codes = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        distinct, place = np.unique(column, return_inverse=True)
        codes = np.unique(codes * len(distinct) + place, return_inverse=True)[1].astype(np.int64)
    _, first, place = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    return number[place], first[order]
