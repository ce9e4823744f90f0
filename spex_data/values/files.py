"""Value tables as files: `values.parquet` of a run, or anyone's table with a mask and a value column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from spex_data.errors import SpexDataError, StoreError
from spex_data.masks import mask_string, masks_from_strings
from spex_data.values.store import write_parquet
from spex_data.values.table import ValueTable


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
        path: `.parquet` or `.csv` with columns `mask` (strings of 0 and 1) and `value`, and optionally
            `target`, `role` (blank is "train"), `seed` and `cause`.

    Returns:
        A ValueTable; the k-th value of a (mask, role, seed, target) that stands several times is its own row.

    Raises:
        StoreError: No such file, or a column that is missing or holds something else.
    """
    path = Path(path)
    long = _read(path)
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


def _read(path: Path) -> pa.Table:
    if not path.is_file():
        raise StoreError("there is no such file", where=str(path), instead="give a .parquet or .csv file")
    try:
        if path.suffix == ".csv":
            strings = dict.fromkeys(("mask", "target", "role", "cause"), pa.string())
            options = pacsv.ConvertOptions(column_types=strings, strings_can_be_null=True)
            return pacsv.read_csv(path, convert_options=options)
        return pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise StoreError(
            f"cannot be read ({str(error).splitlines()[0]})",
            where=str(path),
            instead="give a .parquet or .csv file",
        ) from error


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
                f"column {name!r} holds {column.type} and not {kind}",
                where=str(path),
                instead=f"write {kind} values",
            ) from None
        columns[name] = column if default is None else pc.fill_null(column, default)
    if columns["mask"].null_count:
        raise StoreError("column 'mask' has blank rows", where=str(path), instead="write one mask a row")
    return pa.table(columns)


def _pivot(long: pa.Table, path: Path) -> ValueTable:
    data = {name: long[name].to_pylist() for name in long.column_names}
    targets = tuple(dict.fromkeys(data["target"]))
    place = {target: column for column, target in enumerate(targets)}
    rows: dict[tuple[str, str, int, int], int] = {}
    seen: dict[tuple[str, str, int, str], int] = {}
    cells: list[tuple[int, int, float]] = []
    causes: dict[int, str] = {}
    for mask, role, seed, target, value, cause in zip(
        *(data[name] for name in long.column_names), strict=True
    ):
        repeat = seen.get((mask, role, seed, target), 0)
        seen[(mask, role, seed, target)] = repeat + 1
        row = rows.setdefault((mask, role, seed, repeat), len(rows))
        cells.append((row, place[target], np.nan if value is None else value))
        if cause:
            causes[row] = cause
    values = np.full((len(rows), len(targets)), np.nan)
    for row, column, value in cells:
        values[row, column] = value
    try:
        masks = masks_from_strings([key[0] for key in rows])
    except SpexDataError as error:
        raise StoreError(error.what, where=f"{path}, column mask", instead=error.instead) from None
    return ValueTable(
        targets=targets,
        masks=masks,
        roles=tuple(key[1] for key in rows),
        seeds=np.array([key[2] for key in rows], dtype=np.int64),
        values=values,
        causes=tuple(causes.get(row) for row in range(len(rows))),
    )
