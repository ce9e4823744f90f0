"""What differs between two runs besides values: study, data, code, versions, machine, size of a pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spex_data.study import StudyConfig, config_differences

UNINTERESTING = ("tracking", "report", "name")
"""Parts of a study that change neither what is computed nor how."""
_SINGLE = {
    "device": "device",
    "dtype": "number format",
    "steps_per_epoch": "steps an epoch",
    "adapters_per_pass_used": "adapters to a pass",
}


def run_differences(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    studies: tuple[StudyConfig, StudyConfig] | None = None,
) -> list[str]:
    """What differs between two runs, a line each; what one manifest does not say is passed over.

    Args:
        before: A manifest.
        after: A manifest.
        studies: The studies before and after; None where they are the same by construction.
    """
    lines = (
        [f"study: {line}" for line in config_differences(*studies, ignore=UNINTERESTING)] if studies else []
    )
    lines += [f"{what}: other content" for what in _changed(before.get("hashes"), after.get("hashes"))]
    lines += _revision(before.get("git"), after.get("git"))
    for part in ("versions", "machine"):
        old, new = before.get(part) or {}, after.get(part) or {}
        lines += [f"{name}: {old[name]} -> {new[name]}" for name in _changed(old, new)]
    for key, words in _SINGLE.items():
        if key in before and key in after and before[key] != after[key]:
            lines.append(f"{words}: {_shown(before[key])} -> {_shown(after[key])}")
    return lines


def _changed(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[str]:
    old, new = before or {}, after or {}
    return [name for name in old if name in new and old[name] != new[name]]


def _revision(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[str]:
    """The code's revision; with uncommitted changes nobody knows whether it is the same."""
    if not before or not after:
        return []
    names = [f"{one['revision'][:12]}{' with changes' if one['dirty'] else ''}" for one in (before, after)]
    return [f"code: {names[0]} -> {names[1]}"] if names[0] != names[1] or before["dirty"] else []


def _shown(value: Any) -> str:
    return ", then ".join(map(str, value)) if isinstance(value, list) else str(value)
