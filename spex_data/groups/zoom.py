"""One group split into parts, all others as they are."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from spex_data.errors import GroupingError
from spex_data.groups.grouping import Grouping, make_grouping


def find_group(grouping: Grouping, name: str) -> int:
    """The place of the group of a name, if it can be split.

    Raises:
        GroupingError: No group, or several, bear the name, or it has a single example.
    """
    places = [place for place, other in enumerate(grouping.names) if other == name]
    if not places:
        lower = {other.lower(): other for other in grouping.names}
        near = difflib.get_close_matches(name.lower(), lower, 3, cutoff=0.4) or list(lower)[:3]
        raise GroupingError(
            f"is {name!r}, which is no group of the run",
            where="--split",
            instead=f"write one of its {grouping.n_groups} groups, such as "
            + ", ".join(repr(lower[one]) for one in near),
        )
    if len(places) > 1:
        raise GroupingError(
            f"is {name!r}, and {len(places)} groups bear that name",
            where="--split",
            instead="give the groups different names first (groups.by: list)",
        )
    if len(grouping.members[places[0]]) < 2:
        raise GroupingError(
            f"is {name!r}, which has a single example and no parts",
            where="--split",
            instead="choose a group of at least two examples",
        )
    return places[0]


def split_group(grouping: Grouping, group: int, labels: Sequence[str]) -> Grouping:
    """A grouping with the parts of a group in its place, in order of first appearance.

    Args:
        grouping: As it is.
        group: Place of the group.
        labels: The part of each of its examples, in the order of its rows.

    Returns:
        The finer grouping; a part is named "GROUP / LABEL".

    Raises:
        GroupingError: All its examples have one label, or one has none.
    """
    name, rows = grouping.names[group], grouping.members[group]
    parts = list(dict.fromkeys(labels))
    if not all(part.strip() for part in parts):
        raise GroupingError(
            f"has an example of {name!r} without a value",
            where="--by",
            instead="choose another column, or --parts K for parts by chance",
        )
    if len(parts) < 2:
        raise GroupingError(
            f"has the one value {parts[0]!r} in all {len(rows)} examples of {name!r}",
            where="--by",
            instead="choose another column, or --parts K for parts by chance",
        )
    shift = len(parts) - 1
    owners = [place + shift if place > group else place for place in grouping.group_of.tolist()]
    for row, label in zip(rows, labels, strict=True):
        owners[row] = group + parts.index(label)
    names = [*grouping.names[:group], *(f"{name} / {part}" for part in parts), *grouping.names[group + 1 :]]
    return make_grouping(grouping.example_ids, owners, names)


def listed(grouping: Grouping, core: str) -> list[dict[str, object]]:
    """A grouping as `groups.by: list` reads it, by example ids.

    Args:
        grouping: Any.
        core: Name for the examples that are always trained on, if there are any.
    """
    members = [(core, grouping.core)] if grouping.core else []
    members += list(zip(grouping.names, grouping.members, strict=True))
    return [{"name": name, "members": [grouping.example_ids[row] for row in rows]} for name, rows in members]


def origins(grouping: Grouping, group: int, n_parts: int) -> list[int]:
    """int[n + parts - 1]: the place that a finer group, or what it is a part of, had before the split."""
    before, after = range(group), range(group + 1, grouping.n_groups)
    return [*before, *([group] * n_parts), *after]
