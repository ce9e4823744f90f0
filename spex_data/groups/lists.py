"""Groups listed one by one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import fsspec

from spex_data.errors import GroupingError
from spex_data.groups.grouping import CORE, Grouping, make_grouping

Assignments = Mapping[str, Sequence[int | str]] | Sequence[tuple[str, Sequence[int | str]]]
"""Members by group name, or pairs of name and members where two groups bear one name."""

_FORM = 'write {"name": [members], ...} or [{"name": ..., "members": [...]}, ...]'


def by_list(example_ids: Sequence[str], assignments: Assignments, *, core: Sequence[str] = ()) -> Grouping:
    """The groups of a list, in its order.

    Args:
        example_ids: Distinct ids, one a row.
        assignments: Members by group name, or pairs (name, members); a member is a row number or an
            example id.
        core: Names of listed groups whose examples are always trained on; every group of such a name.

    Returns:
        The grouping, named as listed.

    Raises:
        GroupingError: If a member does not exist, an example is in two groups or in none, a group is empty,
            a name of the core is not listed, or fewer than two groups result.
    """
    listed = list(assignments.items() if isinstance(assignments, Mapping) else assignments)
    absent = [name for name in core if name not in {listed_name for listed_name, _ in listed}]
    if absent:
        raise GroupingError(
            f"the core is to hold {absent[0]!r}, which is not in the list of groups",
            instead="list its examples under that name, or leave it out of the core",
        )
    rows_of = {example_id: row for row, example_id in enumerate(example_ids)}
    owners: dict[int, int] = {}
    names: list[str] = []
    holder: dict[int, str] = {}
    for name, members in listed:
        owner = CORE if name in core else len(names)
        if owner != CORE:
            names.append(name)
        for member in members:
            row = _row(member, rows_of, name)
            if row in owners:
                raise _held_twice(member, holder[row], name, same=owners[row] == owner)
            owners[row], holder[row] = owner, name
    _require_all(owners, example_ids)
    return make_grouping(example_ids, [owners[row] for row in range(len(example_ids))], names)


def read_assignments(source: str) -> list[tuple[str, list[int | str]]]:
    """The list of groups in a JSON file.

    Args:
        source: Path or fsspec URL of a JSON file: {"name": [members], ...}, where a name may be written
            twice, or [{"name": ..., "members": [...]}, ...]; a member is a row number or an example id.

    Returns:
        Pairs of name and members, in the file's order.

    Raises:
        GroupingError: If the file is missing, is no JSON, or has another form.
    """
    try:
        with fsspec.open(source, "rt", encoding="utf-8-sig") as file:
            # Pairs and not dicts: a dict would silently lose the first of two groups of one name.
            content = json.loads(file.read(), object_pairs_hook=_Pairs)
    except FileNotFoundError as error:
        raise GroupingError("there is no such file", where=source, instead=f"{_FORM} in it") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise GroupingError(f"is no JSON at {place} ({error.msg})", where=source, instead=_FORM) from error
    except (OSError, ValueError, ImportError) as error:
        raise GroupingError(f"cannot be read ({error})", where=source, instead=_FORM) from error
    return [_listed(name, members, source) for name, members in _named(content, source)]


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with its keys in order, repeated ones included."""


def _named(content: Any, source: str) -> Iterable[tuple[Any, Any]]:
    if isinstance(content, _Pairs):
        return content
    if isinstance(content, list):
        records = [dict(record) if isinstance(record, _Pairs) else {} for record in content]
        wrong = next((i for i, record in enumerate(records) if set(record) != {"name", "members"}), None)
        if wrong is None:
            return [(record["name"], record["members"]) for record in records]
        raise GroupingError(f"group {wrong} has not a name and members", where=source, instead=_FORM)
    raise GroupingError(f"holds {type(content).__name__}, not groups", where=source, instead=_FORM)


def _listed(name: Any, members: Any, source: str) -> tuple[str, list[int | str]]:
    if not isinstance(name, str) or not isinstance(members, list):
        raise GroupingError(f"group {name!r} has no list of members", where=source, instead=_FORM)
    return name, members


def _row(member: object, rows_of: Mapping[str, int], name: str) -> int:
    if isinstance(member, str) and member in rows_of:
        return rows_of[member]
    if isinstance(member, int) and not isinstance(member, bool) and 0 <= member < len(rows_of):
        return member
    raise GroupingError(
        f"group {name!r} lists {member!r}, which is no example",
        instead=f"list row numbers from 0 to {len(rows_of) - 1}, or ids of 16 hexadecimal characters",
    )


def _held_twice(member: object, first: str, second: str, *, same: bool) -> GroupingError:
    twice = f"group {first!r} twice" if same else f"two groups, {first!r} and {second!r}"
    return GroupingError(f"example {member!r} is in {twice}", instead="list every example once")


def _require_all(owners: Mapping[int, int], example_ids: Sequence[str]) -> None:
    left = [row for row in range(len(example_ids)) if row not in owners]
    if left:
        shown = ", ".join(map(str, left[:8])) + (", ..." if len(left) > 8 else "")
        raise GroupingError(
            f"{len(left)} of {len(example_ids)} examples are in no group (rows {shown})",
            instead="add them to a group, or to one that the core holds",
        )
