"""The append-only store of values: what was measured once is never measured again.

A value's key is the hash of all that decides it, so that resuming, a larger budget, another target and a
changed group are one question: which keys are missing? A part file is written under a temporary name, synced
and renamed; so an interrupted writer leaves either a whole part or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from spex_data.values.whole_files import whole_file

SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("mask", pa.string(), nullable=False),
        pa.field("role", pa.string(), nullable=False),
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("target", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("cause", pa.string()),
    ]
)


@dataclass(frozen=True)
class ValueRecords:
    """Values to append, one row a fine-tune and one column a target.

    Attributes:
        keys: str[r][t], the content key of each value.
        masks: str[r], masks as strings.
        roles: str[r].
        seeds: int64[r].
        targets: str[t].
        values: float64[r, t]; NaN is stored as null.
        causes: str[r] or None.
    """

    keys: Sequence[Sequence[str]]
    masks: Sequence[str]
    roles: Sequence[str]
    seeds: NDArray[np.int64]
    targets: Sequence[str]
    values: NDArray[np.float64]
    causes: Sequence[str | None]

    def to_arrow(self) -> pa.Table:
        """The long table, a row a value."""
        rows, columns = self.values.shape
        each = np.repeat(np.arange(rows), columns)
        flat = self.values.ravel()
        return pa.table(
            {
                "key": [key for row in self.keys for key in row],
                "mask": pa.array(list(self.masks)).take(pa.array(each)),
                "role": pa.array(list(self.roles)).take(pa.array(each)),
                "seed": pa.array(np.asarray(self.seeds, dtype=np.int64)[each]),
                "target": pa.array(list(self.targets) * rows, pa.string()),
                "value": pa.array(flat, mask=np.isnan(flat)),
                "cause": pa.array(list(self.causes), pa.string()).take(pa.array(each)),
            },
            schema=SCHEMA,
        )


@dataclass(frozen=True)
class StoredValues:
    """Everything a store holds, looked up by key.

    Attributes:
        keys: The keys known.
        values: float64, row aligned; NaN where the fine-tune failed.
        causes: Why, or None.
        damaged: Names of part files that could not be read and were set aside.
    """

    keys: pa.Array
    values: NDArray[np.float64]
    causes: pa.Array
    damaged: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.keys)

    def lookup(
        self, keys: Sequence[Sequence[str]]
    ) -> tuple[NDArray[np.bool_], NDArray[np.float64], list[str | None]]:
        """Finds values by key.

        Args:
            keys: str[r][t].

        Returns:
            (known bool[r, t], values float64[r, t] with NaN where unknown or failed, cause str[r] or None).
        """
        shape = (len(keys), len(keys[0]) if len(keys) else 0)
        wanted = pa.array([key for row in keys for key in row], pa.string())
        places = pc.index_in(wanted, value_set=self.keys) if len(self) else pa.nulls(len(wanted), pa.int32())
        known = ~places.is_null().to_numpy(zero_copy_only=False)
        values = np.full(len(wanted), np.nan)
        values[known] = self.values[places.drop_null().to_numpy()]
        found = self.causes.take(places).to_pylist() if len(self) else [None] * len(wanted)
        causes = [
            next((c for c in found[i * shape[1] : (i + 1) * shape[1]] if c), None) for i in range(shape[0])
        ]
        return known.reshape(shape), values.reshape(shape), causes


@dataclass(frozen=True)
class ValueStore:
    """A folder of part files.

    Attributes:
        directory: The folder, made when first written to.
    """

    directory: Path

    def append(self, records: ValueRecords) -> Path:
        """Writes one part file, whole or not at all.

        Returns:
            Its path; the same records give the same name.

        Raises:
            StoreError: The disk is full or read-only.
        """
        table = records.to_arrow()
        digest = blake2b("".join(table["key"].to_pylist()).encode(), digest_size=8).hexdigest()
        path = self.directory / f"part-{digest}.parquet"
        write_parquet(table, path)
        return path

    def read(self) -> StoredValues:
        """Reads every part; one that is damaged is set aside, and its values count as missing."""
        tables, damaged = [], []
        for path in sorted(self.directory.glob("part-*.parquet")):
            try:
                tables.append(pq.read_table(path, columns=["key", "value", "cause"], schema=SCHEMA))
            except (pa.ArrowInvalid, pa.ArrowTypeError, OSError, EOFError):
                path.rename(path.with_suffix(".damaged"))
                damaged.append(path.name)
        keys, values, causes = SCHEMA.field("key"), SCHEMA.field("value"), SCHEMA.field("cause")
        table = pa.concat_tables(tables) if tables else pa.schema([keys, values, causes]).empty_table()
        table = table.combine_chunks()
        return StoredValues(
            _one_array(table["key"], pa.string()),
            table["value"].to_numpy(zero_copy_only=False).astype(np.float64),
            _one_array(table["cause"], pa.string()),
            tuple(damaged),
        )


def write_parquet(table: pa.Table, path: Path) -> None:
    """Writes a table as one whole file.

    Raises:
        StoreError: The disk is full or read-only; nothing half-written keeps the name.
    """
    with whole_file(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def _one_array(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    return column.chunk(0) if column.num_chunks else pa.array([], kind)
