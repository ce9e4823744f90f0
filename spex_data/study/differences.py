"""What differs between two studies, key by key."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from spex_data.study.config import StudyConfig, study_keys

_ABSENT = object()


def config_differences(a: StudyConfig, b: StudyConfig, *, ignore: Sequence[str] = ()) -> list[str]:
    """One line for each key that differs, such as "training.epochs: 6 -> 4".

    Args:
        a: The study before.
        b: The study after.
        ignore: Dotted paths of keys or sections that may differ.

    Returns:
        The lines in the order of the keys; none if the studies are equal.
    """
    before, after = a.as_mapping(), b.as_mapping()
    lines = []
    # A limit may be given as a whole or not at all, so keys are compared where the values are.
    for path in dict.fromkeys(_comparable(key.path) for key in study_keys()):
        old, new = _value(before, path), _value(after, path)
        ignored = any(path == prefix or path.startswith(f"{prefix}.") for prefix in ignore)
        if old != new and not ignored:
            lines.append(f"{path}: {_shown(old)} -> {_shown(new)}")
    return lines


def _comparable(path: str) -> str:
    return ".".join(path.split(".")[:2])


def _value(mapping: dict[str, Any], path: str) -> Any:
    value: Any = mapping
    for part in path.split("."):
        # A section of another lens is not in the mapping.
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
