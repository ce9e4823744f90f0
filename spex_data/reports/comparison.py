"""What changed between two results: interactions that appeared, vanished, or changed sign or size.

Only what the intervals bear out is called a change. The interval of a difference joins those of the two
values by the method of variance estimates recovery (Zou & Donner, Statistics in Medicine 27, 2008), which
supposes that the two are independent: of runs that share masks and seeds it is as a rule too wide.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from spex_data.reports.results import Effect, TargetResult, read_results

Status = Literal["appeared", "vanished", "changed sign", "grew", "shrank", "newly listed", "no longer listed"]
Interval = tuple[float, float]
Known = tuple[float, Interval | None]
Lookup = Callable[[str, tuple[str, ...]], Known | None]
"""From a target and the labels of groups to a value and its interval; None where nothing is known."""


@dataclass(frozen=True)
class Change:
    """One set of groups whose part in a target is not what it was.

    Attributes:
        target: Name of the target.
        groups: Labels, in alphabetical order.
        status: What changed. "newly listed" and "no longer listed" are changes of the list alone: the value
            on the other side is not known, so no interval says whether it changed.
        before: Value and interval before; None if unknown.
        after: Value and interval after; None if unknown.
        difference: After minus before, with its interval; None if one of the values is unknown.
    """

    target: str
    groups: tuple[str, ...]
    status: Status
    before: Known | None
    after: Known | None
    difference: Known | None


def compare_documents(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    differences: Sequence[str] = (),
    units: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {}),
    look_up: tuple[Lookup | None, Lookup | None] = (None, None),
) -> dict[str, Any]:
    """Compares two documents of interactions; groups and targets are joined by their names.

    Args:
        before: Of interactions.json.
        after: Of interactions.json.
        differences: What differs between the runs, a line each; goes into the document as it is.
        units: Unit of each target before and after; targets whose unit changed are not compared.
        look_up: Where to ask, before and after, for the value of a set that is not in the list.

    Returns:
        A document of JSON types alone: `before`, `after` (study and number of masks), `differences`,
        `targets` (name, r2 [before, after], unchanged: interactions within their intervals, changes),
        `only_before` and `only_after` (groups and targets), `not_comparable` targets.

    Raises:
        StoreError: One of them is no document of interactions.
    """
    old, new = read_results(before), read_results(after)
    names = [target.name for target in new.targets]
    pairs = [(old.target(name), new.target(name)) for name in names if _has(old.targets, name)]
    differing = [one.name for one, _ in pairs if units[0].get(one.name, "") != units[1].get(one.name, "")]
    return {
        "before": {"study": old.study, "n_masks": _masks(old.targets)},
        "after": {"study": new.study, "n_masks": _masks(new.targets)},
        "differences": list(differences),
        "targets": [_target(*pair, look_up) for pair in pairs if pair[0].name not in differing],
        "only_before": _only(old, new),
        "only_after": _only(new, old),
        "not_comparable": differing,
    }


def difference(before: Known, after: Known) -> Known:
    """After minus before: d, from d - sqrt((b - lb)^2 + (ua - a)^2) to d + sqrt((ub - b)^2 + (a - la)^2).

    Args:
        before: Value a and its interval (la, ua).
        after: Value b and its interval (lb, ub).

    Returns:
        The difference and its interval at the level of the two; None for the interval if one is unknown.
    """
    (a, ci_a), (b, ci_b) = before, after
    if ci_a is None or ci_b is None:
        return b - a, None
    low = math.hypot(b - ci_b[0], ci_a[1] - a)
    high = math.hypot(ci_b[1] - b, a - ci_a[0])
    return b - a, (b - a - low, b - a + high)


def _target(
    old: TargetResult, new: TargetResult, look_up: tuple[Lookup | None, Lookup | None]
) -> dict[str, Any]:
    listed = [{_name(effect): effect for effect in result.interactions} for result in (old, new)]
    changes, unchanged = [], 0
    for groups in dict.fromkeys([*listed[1], *listed[0]]):
        sides = [side.get(groups) for side in listed]
        stands = [side is not None and _stands(side) for side in sides]
        if not any(stands):
            continue
        known = [
            (side.value, side.ci) if side is not None else ask(new.name, groups) if ask else None
            for side, ask in zip(sides, look_up, strict=True)
        ]
        change = _change(new.name, groups, stands, known)
        changes += [change] if change else []
        unchanged += change is None
    changes.sort(key=lambda one: -abs(_size(one)))
    return {
        "name": new.name,
        "r2": [old.r2, new.r2],
        "unchanged": unchanged,
        "changes": [_entry(change) for change in changes],
    }


def _change(
    target: str, groups: tuple[str, ...], stands: Sequence[bool], known: Sequence[Known | None]
) -> Change | None:
    """The change of a set that stands out on one side at least; None if the intervals do not bear one out."""
    before, after = known
    if before is None or after is None or (moved := difference(before, after))[1] is None:
        if stands[0] == stands[1]:
            return None
        status: Status = "newly listed" if stands[1] else "no longer listed"
        both = before is not None and after is not None
        return Change(target, groups, status, before, after, moved if both else None)
    low, high = moved[1]
    if low <= 0 <= high:
        return None
    if stands[0] != stands[1]:
        status = "appeared" if stands[1] else "vanished"
    elif before[0] * after[0] < 0:
        status = "changed sign"
    else:
        status = "grew" if abs(after[0]) > abs(before[0]) else "shrank"
    return Change(target, groups, status, before, after, moved)


def _stands(effect: Effect) -> bool:
    """Whether a set stands out: in the reported list, or else beyond 0 with its interval."""
    if effect.reported is not None:
        return effect.reported
    return effect.ci is None or effect.ci[0] > 0 or effect.ci[1] < 0


def _name(effect: Effect) -> tuple[str, ...]:
    return tuple(sorted(effect.groups))


def _size(change: Change) -> float:
    known = change.difference or change.after or change.before
    return known[0] if known else 0.0


def _entry(change: Change) -> dict[str, Any]:
    sides = {"before": change.before, "after": change.after, "difference": change.difference}
    return {
        "groups": list(change.groups),
        "status": change.status,
        **{
            name: None if side is None else {"value": side[0], "ci": None if side[1] is None else [*side[1]]}
            for name, side in sides.items()
        },
    }


def _only(one: Any, other: Any) -> dict[str, list[str]]:
    return {
        "groups": [name for name in one.groups if name not in other.groups],
        "targets": [target.name for target in one.targets if not _has(other.targets, target.name)],
    }


def _has(targets: Sequence[TargetResult], name: str) -> bool:
    return any(target.name == name for target in targets)


def _masks(targets: Sequence[TargetResult]) -> int | None:
    return max((target.n_masks for target in targets if target.n_masks is not None), default=None)
