"""Measured values: a table joined by mask and seed, and the append-only store that remembers them."""

from spex_data.values.files import read_value_table, write_value_table
from spex_data.values.lock import writer_lock
from spex_data.values.store import StoredValues, ValueRecords, ValueStore, write_parquet
from spex_data.values.table import ValueTable
from spex_data.values.whole_files import whole_file, write_whole

__all__ = [
    "StoredValues",
    "ValueRecords",
    "ValueStore",
    "ValueTable",
    "read_value_table",
    "whole_file",
    "write_parquet",
    "write_value_table",
    "write_whole",
    "writer_lock",
]
