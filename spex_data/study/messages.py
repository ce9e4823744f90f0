"""What pydantic found wrong, in our words: the key, the value found, and what to write instead."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from spex_data.errors import ConfigError
from spex_data.study.config import ConflictError, StudyConfig, study_keys
from spex_data.study.keys import Section, accepts_of, fields_of, section_of

_ABSENT = object()


@dataclass(frozen=True)
class Place:
    """A key that something is wrong with.

    Args:
        path: Dotted path, with the index of an element of a list ("lora.target_modules[1]").
        top: The first two parts of the path, without an index: what a condition between keys can read.
        found: The value there, or `_ABSENT`.
        accepts: The values the key takes, in words; "" for a key that does not exist.
        parent: The section that the key is in.
    """

    path: str
    top: str
    found: object
    accepts: str
    parent: type[Section]


def explain(error: ValidationError, mapping: Mapping[str, Any]) -> tuple[list[ConfigError], set[str]]:
    """One message for each key that is wrong.

    Args:
        error: What validating the mapping as a StudyConfig raised.
        mapping: The study as it was written.

    Returns:
        The messages, and the dotted paths (at most two parts) of keys that are wrong by themselves.
    """
    messages: dict[str, ConfigError] = {}
    conflicts: list[ConfigError] = []
    broken: set[str] = set()
    for detail in error.errors():
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, ConflictError):
            conflicts.extend(cause.errors)
            continue
        place = _place(detail["loc"], mapping)
        # A value with several allowed forms fails once for each form: the key gets one message all the same.
        messages.setdefault(place.path, _message(place))
        broken.add(place.top)
    kept = [
        messages[path] for path in messages if not any(other.startswith(f"{path}[") for other in messages)
    ]
    return [*kept, *conflicts], broken


def _place(location: Sequence[int | str], mapping: Mapping[str, Any]) -> Place:
    section: type[Section] = StudyConfig
    found: object = mapping
    parts: list[str] = []
    for depth, part in enumerate(location):
        found = found.get(part, _ABSENT) if isinstance(found, Mapping) else _ABSENT
        parts.append(str(part))
        field = fields_of(section).get(str(part))
        if field is None:
            return Place(".".join(parts), ".".join(parts[:2]), found, "", section)
        inner = section_of(field)
        if inner is None or depth == len(location) - 1:
            path, found = _element(".".join(parts), found, location[depth + 1 :])
            return Place(path, ".".join(parts[:2]), found, accepts_of(field), section)
        section = inner
    return Place("", "", mapping, f"a mapping of {', '.join(fields_of(section))}", section)


def _element(path: str, found: object, rest: Sequence[int | str]) -> tuple[str, object]:
    """Step into lists as far as they were written; the other parts name pydantic's alternatives."""
    for part in rest:
        if isinstance(found, list) and isinstance(part, int) and part < len(found):
            path, found = f"{path}[{part}]", found[part]
    return path, found


def _message(place: Place) -> ConfigError:
    if not place.accepts:
        return ConfigError("is not a key", where=place.path, instead=_instead_of_unknown(place))
    found = "is missing" if place.found is _ABSENT else f"is {_shown(place.found)}"
    return ConfigError(found, where=place.path, instead=f"write {place.accepts}")


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _instead_of_unknown(place: Place) -> str:
    parent, _, name = place.path.rpartition(".")
    siblings = list(fields_of(place.parent))
    near = difflib.get_close_matches(name, siblings, 1)
    if near:
        return f"did you mean {parent + '.' if parent else ''}{near[0]}?"
    paths = {key.path.rpartition(".")[2]: key.path for key in reversed(study_keys())}
    elsewhere = difflib.get_close_matches(name, paths, 1, cutoff=0.8)
    if elsewhere:
        return f"did you mean {paths[elsewhere[0]]}?"
    return f"the keys of {parent or 'a study'} are {', '.join(siblings)}"
