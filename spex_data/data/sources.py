"""One call that reads examples from wherever they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spex_data.data.examples import PARTS, Examples, Task, make_examples
from spex_data.data.files import file_format, read_file
from spex_data.data.hub import read_dataset
from spex_data.data.selection import require_column, select_rows
from spex_data.errors import DataError


def read_examples(
    source: str,
    *,
    task: Task,
    input_column: str,
    output_column: str,
    split: str = "train",
    name: str | None = None,
    where: Mapping[str, Sequence[str]] | None = None,
    limit: Mapping[str, str | int] | None = None,
    rows: Sequence[int] | None = None,
) -> Examples:
    """The examples of a file or of a Hugging Face data set.

    Args:
        source: A CSV, TSV, JSON, JSON lines or Parquet file by path or fsspec URL (also compressed), a
            directory that `datasets` can load, or a data set's id on the hub. Relative paths start at the
            working directory.
        task: "classification" or "causal-lm".
        input_column: Column of the text or prompt.
        output_column: Column of the label or completion.
        split: Split of a data set; files have none.
        name: Configuration of a data set that has several.
        where: Values to keep by column.
        limit: {"rows": r} for the first r rows, {"per": column, "rows": r} for the first r of each value.
        rows: Numbers of the rows to keep, from 0, before `where` and `limit`.

    Returns:
        Examples with all scalar columns of the source as text ("" where the source has no value).

    Raises:
        DataError: If the source cannot be read, has no rows, lacks a column, or a row lacks its texts.
    """
    table = _read_table(source, split, name)
    if not table.num_rows:
        raise DataError("holds no rows", where=source, instead="give a source with at least one row")
    for column in (input_column, output_column):
        require_column(table, column, source)
    kept = select_rows(table, source=source, rows=rows, where=where, limit=limit)
    chosen = table.take(pa.array(kept))
    for part, column in zip(PARTS[task], (input_column, output_column), strict=True):
        _require_text(chosen[column], kept, f"{part} (column {column!r})", source)
    columns = {name: _texts(chosen[name]) for name in chosen.column_names}
    return make_examples(task, columns[input_column], columns[output_column], columns)


def _read_table(source: str, split: str, name: str | None) -> pa.Table:
    local = "://" not in source
    if local:
        source = str(Path(source).expanduser())
    if not local or file_format(source) or Path(source).is_file():
        return read_file(source)
    return read_dataset(source, split=split, name=name)


def _require_text(cells: pa.ChunkedArray, numbers: NDArray[np.int64], what: str, source: str) -> None:
    for number, cell in zip(numbers, cells.to_pylist(), strict=True):
        if cell is None or not cell.strip():
            raise DataError(
                f"row {number} has a {what} that is {'null' if cell is None else 'empty'}"
                " (the first row is row 0)",
                where=source,
                instead="fill it in, leave the row out of the file, or keep other rows by `where`",
            )


def _texts(cells: pa.ChunkedArray) -> tuple[str, ...]:
    return tuple("" if cell is None else cell for cell in cells.to_pylist())
