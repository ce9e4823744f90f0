"""Tables of text from CSV, JSON lines and Parquet, on this machine or behind any fsspec URL."""

from __future__ import annotations

import csv
import difflib
import io
import json
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from spex_data.errors import DataError

_COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz"}


def file_format(source: str) -> str | None:
    """Which of the file formats a source has by its name, a compression suffix aside.

    Args:
        source: A path or an fsspec URL.

    Returns:
        ".csv", ".tsv", ".jsonl", ".ndjson", ".json" or ".parquet"; None for anything else, such as the id
        of a data set.
    """
    suffixes = [suffix.lower() for suffix in _path_of(source).suffixes]
    if suffixes and suffixes[-1] in _COMPRESSIONS:
        suffixes.pop()
    return suffixes[-1] if suffixes and suffixes[-1] in _READERS else None


def read_file(source: str) -> pa.Table:
    """The table in a file, every scalar column as text.

    Numbers, booleans and dates become the text that JSON or ISO 8601 would show; columns that hold lists,
    records or bytes are left out.

    Args:
        source: A path (relative to the working directory) or an fsspec URL whose format `file_format` knows.

    Returns:
        A table of string columns, null where the file has no value.

    Raises:
        DataError: If the file is missing, unreadable, malformed, or names a column twice.
    """
    form = file_format(source)
    if form is None:
        raise DataError(
            f"the type {_path_of(source).suffix or 'of this file'!r} is unknown",
            where=source,
            instead=f"give a file that ends in one of {', '.join(_READERS)} (also with .gz, .bz2 or .xz)",
        )
    content = _read_bytes(source)
    try:
        return _READERS[form](content, source)
    except (pa.ArrowException, UnicodeDecodeError, csv.Error) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"cannot be read as {form[1:]} ({reason})",
            where=source,
            instead="check that the file is whole, encoded as UTF-8, and what its name says",
        ) from error


def text_table(columns: Mapping[str, pa.ChunkedArray | pa.Array]) -> pa.Table:
    """The scalar columns as text; columns of lists, records or bytes are left out.

    Args:
        columns: Arrow arrays of one length by name.

    Returns:
        A table of string columns.
    """
    kept = {name: values for name, values in columns.items() if _is_scalar(values.type)}
    return pa.table({name: values.cast(pa.large_string()) for name, values in kept.items()})


def _is_scalar(kind: pa.DataType) -> bool:
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    is_bytes = (
        pa.types.is_binary(inner) or pa.types.is_large_binary(inner) or pa.types.is_fixed_size_binary(inner)
    )
    return not (is_bytes or pa.types.is_nested(inner))


def _path_of(source: str) -> PurePosixPath:
    if source.startswith(("http://", "https://")):
        source = source.partition("?")[0].partition("#")[0]
    return PurePosixPath(source)


def _read_bytes(source: str) -> bytes:
    compression = _COMPRESSIONS.get(_path_of(source).suffix.lower())
    try:
        with fsspec.open(source, "rb", compression=compression) as file:
            return file.read()
    except FileNotFoundError as error:
        raise DataError("there is no such file", where=source, instead=_instead_of_missing(source)) from error
    except (ImportError, ValueError) as error:
        # fsspec: an unknown protocol, or one whose package is not installed (the message names the package).
        raise DataError(
            f"cannot be opened ({error})", where=source, instead="install that package, or give a local path"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"cannot be read ({error or type(error).__name__})",
            where=source,
            instead="give a file that exists, is whole, and may be read",
        ) from error


def _instead_of_missing(source: str) -> str:
    path = Path(source)
    if "://" in source or not path.parent.is_dir():
        return "give the path of a file that exists, or the id of a Hugging Face data set"
    there = [entry.name for entry in path.parent.iterdir()]
    nearest = difflib.get_close_matches(path.name, there, 1)
    if nearest:
        return f"did you mean {path.parent / nearest[0]}?"
    return f"give a file that exists (looked in {path.parent.resolve()})"


def _read_delimited(content: bytes, source: str, delimiter: str) -> pa.Table:
    header = _header(content, delimiter)
    if header is None:
        raise _no_rows(source)
    if len(header) == 1:
        # Spreadsheets of many countries write semicolons into what they call CSV.
        delimiter = max((delimiter, ";", "\t"), key=lambda one: len(_header(content, one) or ()))
        header = _header(content, delimiter) or header
    _require_distinct(header, source)
    return pyarrow.csv.read_csv(
        pa.BufferReader(content),
        # One block and one thread: a long text then never straddles two blocks, and errors carry row numbers.
        read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=max(len(content), 1 << 20)),
        parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        # No guessing of types: "007" stays "007", and "NA" stays a label.
        convert_options=pyarrow.csv.ConvertOptions(column_types={name: pa.large_string() for name in header}),
    )


def _header(content: bytes, delimiter: str) -> list[str] | None:
    """The names in the first line that is not empty."""
    lines = csv.reader(io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline=""), delimiter=delimiter)
    return next((cells for cells in lines if cells), None)


def _read_json(content: bytes, source: str) -> pa.Table:
    text = content.decode("utf-8-sig")
    if text.lstrip().startswith("["):
        try:
            rows = list(enumerate(json.loads(text)))
        except json.JSONDecodeError as error:
            raise _malformed(f"line {error.lineno}, column {error.colno}", error.msg, source) from error
        return _from_records(rows, "item", source)
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                rows.append((number, json.loads(line)))
            except json.JSONDecodeError as error:
                raise _malformed(f"line {number}, column {error.colno}", error.msg, source) from error
    return _from_records(rows, "line", source)


def _from_records(rows: list[tuple[int, Any]], unit: str, source: str) -> pa.Table:
    for number, row in rows:
        if not isinstance(row, dict):
            raise _malformed(f"{unit} {number}", f"is {type(row).__name__}, not an object", source)
    names = list(dict.fromkeys(name for _, row in rows for name in row))
    # Not by Arrow's reader, which turns a text that looks like a date into one and rejects mixed columns.
    columns = {name: [row.get(name) for _, row in rows] for name in names}
    scalar = {
        name: [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
        for name, values in columns.items()
        if not any(isinstance(value, dict | list) for value in values)
    }
    try:
        return pa.table({name: pa.array(values, pa.large_string()) for name, values in scalar.items()})
    except UnicodeEncodeError as error:
        raise _malformed("a text", "holds half of a surrogate pair, which is no character", source) from error


def _read_parquet(content: bytes, source: str) -> pa.Table:
    table = pyarrow.parquet.read_table(pa.BufferReader(content))
    _require_distinct(table.column_names, source)
    return text_table(dict(zip(table.column_names, table.columns, strict=True)))


def _require_distinct(names: list[str], source: str) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(
            f"has two columns named {twice[0]!r}", where=source, instead="give each column its own name"
        )


def _malformed(place: str, reason: str, source: str) -> DataError:
    return DataError(
        f"{place} is malformed ({reason})",
        where=source,
        instead="write one JSON object a line, or a list of objects",
    )


def _no_rows(source: str) -> DataError:
    return DataError("holds no rows", where=source, instead="give a file with a header and at least one row")


_READERS: dict[str, Callable[[bytes, str], pa.Table]] = {
    ".csv": lambda content, source: _read_delimited(content, source, ","),
    ".tsv": lambda content, source: _read_delimited(content, source, "\t"),
    ".jsonl": _read_json,
    ".ndjson": _read_json,
    ".json": _read_json,
    ".parquet": _read_parquet,
}
