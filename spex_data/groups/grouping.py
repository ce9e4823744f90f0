"""A partition of the examples into groups and an optional core."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spex_data.errors import GroupingError

CORE = -1
"""The number that stands for the core where every row names its group."""

_SCHEMA = pa.schema(
    [("row", pa.int64()), ("example_id", pa.string()), ("group", pa.int32()), ("name", pa.string())]
)


@dataclass(frozen=True)
class Grouping:
    """Every example in exactly one group, or in the core that no mask removes.

    Args:
        names: Label of each group; labels may repeat, for a group is its members.
        members: Ascending example rows of each group, none of them empty.
        core: Ascending example rows that are always trained on.
        example_ids: Id of every example, in row order.
    """

    names: tuple[str, ...]
    members: tuple[tuple[int, ...], ...]
    core: tuple[int, ...]
    example_ids: tuple[str, ...]

    @property
    def n_groups(self) -> int:
        """Number of groups, the core not counted."""
        return len(self.members)

    @property
    def n_examples(self) -> int:
        """Number of examples, the core's included."""
        return len(self.example_ids)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Identity of each group: 16 hexadecimal characters, the hash of its sorted example ids."""
        return tuple(_key([self.example_ids[row] for row in rows]) for rows in self.members)

    @cached_property
    def content_hash(self) -> str:
        """64 hexadecimal characters that name the partition, group order and core included, labels not."""
        parts = [*self.keys, "core", _key([self.example_ids[row] for row in self.core])]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @cached_property
    def group_of(self) -> NDArray[np.int32]:
        """int32[n_examples], the group of each example; -1 in the core."""
        owner = np.full(self.n_examples, CORE, dtype=np.int32)
        for group, rows in enumerate(self.members):
            owner[list(rows)] = group
        owner.setflags(write=False)
        return owner

    def present(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The examples that a mask trains on: those of its groups, and the core.

        Args:
            mask: bool[n_groups], or bool[n_masks, n_groups] for many at once; True = the group is present.

        Returns:
            bool[n_examples], or bool[n_masks, n_examples].

        Raises:
            GroupingError: If the mask is not boolean or has another number of groups.
        """
        mask = np.asarray(mask)
        if mask.dtype != np.bool_ or mask.ndim not in (1, 2) or mask.shape[-1] != self.n_groups:
            raise GroupingError(
                f"a mask of type {mask.dtype} and shape {mask.shape} does not fit {self.n_groups} groups",
                instead=f"give bool[{self.n_groups}] or bool[n_masks, {self.n_groups}]",
            )
        # The appended True is what the core's -1 points to.
        always = np.ones((*mask.shape[:-1], 1), dtype=np.bool_)
        return np.concatenate([mask, always], axis=-1)[..., self.group_of]

    def to_table(self) -> pa.Table:
        """One row an example: row int64, example_id, group int32 (-1 = core), name (null in the core)."""
        groups = self.group_of.tolist()
        names = [None if group == CORE else self.names[group] for group in groups]
        return pa.table([list(range(self.n_examples)), list(self.example_ids), groups, names], schema=_SCHEMA)

    @classmethod
    def from_table(cls, table: pa.Table) -> Grouping:
        """The grouping that `to_table` wrote.

        Args:
            table: Columns row, example_id, group, name, in any row order.

        Returns:
            The same grouping, group for group.

        Raises:
            GroupingError: If a column is missing, rows or group numbers have gaps, or a group has two names.
        """
        missing = set(_SCHEMA.names) - set(table.column_names)
        if missing:
            raise GroupingError(
                f"the table of groups has no column {sorted(missing)[0]!r}",
                instead=f"give the columns {', '.join(_SCHEMA.names)}",
            )
        rows = table.select(_SCHEMA.names).sort_by("row").to_pydict()
        if rows["row"] != list(range(table.num_rows)):
            raise GroupingError(
                "the table of groups lacks a row or holds one twice",
                instead="give one line for each row from 0",
            )
        names = dict(zip(rows["group"], rows["name"], strict=True))
        names.pop(CORE, None)
        if sorted(names) != list(range(len(names))):
            raise GroupingError(
                f"the table numbers its groups {sorted(names)}", instead="number them from 0 without gaps"
            )
        if any(names.get(group) != name for group, name in zip(rows["group"], rows["name"], strict=True)):
            raise GroupingError(
                "the table gives one group two names", instead="give the rows of a group one name"
            )
        return make_grouping(rows["example_id"], rows["group"], [names[group] for group in range(len(names))])


def make_grouping(example_ids: Sequence[str], owners: Sequence[int], names: Sequence[str]) -> Grouping:
    """The grouping in which row i belongs to group owners[i].

    Args:
        example_ids: Distinct ids, one a row.
        owners: Group of each row in [0, len(names)), or -1 for the core.
        names: Label of each group.

    Returns:
        The grouping, its groups in the order of `names`.

    Raises:
        GroupingError: If there are fewer than two groups, one is empty, or two examples share an id.
    """
    if len(set(example_ids)) < len(example_ids):
        raise GroupingError("two examples have one id", instead="give every example an id of its own")
    members: list[list[int]] = [[] for _ in names]
    core: list[int] = []
    for row, owner in enumerate(owners):
        (core if owner == CORE else members[owner]).append(row)
    for group, (name, rows) in enumerate(zip(names, members, strict=True)):
        if not rows:
            raise GroupingError(
                f"group {group} ({name!r}) is empty", instead="give it examples, or leave it out"
            )
    if len(names) < 2:
        found = f"there is only one group ({names[0]!r})" if names else "there is no group"
        aside = f" beside a core of {len(core)} examples" if core else ""
        raise GroupingError(
            f"{found}{aside}, and interactions need at least two",
            instead="choose another column, more shards or clusters, or a smaller core",
        )
    return Grouping(tuple(names), tuple(map(tuple, members)), tuple(core), tuple(example_ids))


def _key(ids: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:16]
