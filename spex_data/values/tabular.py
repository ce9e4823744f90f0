"""Tables as others write them: Parquet, or CSV with its own separator and decimal mark."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from spex_data.errors import StoreError

_SEPARATORS = {".csv": ",;\t", ".tsv": "\t"}
"""What may stand between the columns, by the ending of a file."""
_TEXT = dict.fromkeys(("mask", "target", "role", "cause"), pa.string())
_INSTEAD = "give a .parquet or .csv file"


def read_tabular(path: Path) -> pa.Table:
    """Reads a table of any columns; those named mask, target, role and cause stay text.

    A CSV file may be separated by commas, semicolons or tabs, as its first line shows; with semicolons, 0,5
    is a number too.

    Args:
        path: `.parquet`, `.csv` or `.tsv`, in capitals or not.

    Raises:
        StoreError: No such file, another kind of file, or one that cannot be read.
    """
    if not path.is_file():
        raise StoreError("there is no such file", where=str(path), instead=_INSTEAD)
    ending = path.suffix.lower()
    try:
        if ending in (".parquet", ".pq"):
            return pq.read_table(path)
        if ending in _SEPARATORS:
            return _read_separated(path, _SEPARATORS[ending])
    except (pa.ArrowException, OSError) as error:
        raise StoreError(
            f"cannot be read ({str(error).splitlines()[0]})", where=str(path), instead=_INSTEAD
        ) from error
    raise StoreError(f"is a {ending or 'file without an ending'}", where=str(path), instead=_INSTEAD)


def _read_separated(path: Path, separators: str) -> pa.Table:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        first = file.readline()
    separator = max(separators, key=first.count)
    parsing = pacsv.ParseOptions(delimiter=separator)
    table = pacsv.read_csv(path, parse_options=parsing, convert_options=_conversion("."))
    if separator != ";" or "value" not in table.column_names or not pa.types.is_string(table["value"].type):
        return table
    return pacsv.read_csv(path, parse_options=parsing, convert_options=_conversion(","))


def _conversion(decimal_mark: str) -> pacsv.ConvertOptions:
    return pacsv.ConvertOptions(column_types=_TEXT, strings_can_be_null=True, decimal_point=decimal_mark)
