"""Measured values: a table joined by mask and seed, and the append-only store that remembers them."""

from spex_data.values.files import read_value_table, write_value_table
from spex_data.values.lock import writer_lock
from spex_data.values.store import StoredValues, ValueRecords, ValueStore
from spex_data.values.table import ValueTable

__all__ = [
    "StoredValues",
    "ValueRecords",
    "ValueStore",
    "ValueTable",
    "read_value_table",
    "write_value_table",
    "writer_lock",
]
