"""Studies in YAML files: read with overrides, and written back with every key resolved."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spex_data.data import file_format
from spex_data.errors import ConfigError, SeveralErrors, SpexDataError
from spex_data.study.config import StudyConfig
from spex_data.study.dialect import format_yaml, parse_yaml
from spex_data.study.parsing import parse_study


def load_study(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> StudyConfig:
    """The study in a YAML file, with relative paths resolved against the working directory.

    Args:
        path: The file.
        overrides: Assignments such as "training.epochs=4"; values are YAML, later ones win.

    Returns:
        The study.

    Raises:
        ConfigError: If there is no such file, or it is no YAML.
        SeveralErrors: With everything that is wrong in the file and the overrides.
    """
    mapping = parse_yaml(_read(Path(path)), str(path))
    errors: list[SpexDataError] = []
    if mapping is None or isinstance(mapping, Mapping):
        mapping = dict(mapping or {})
        for override in overrides:
            try:
                _assign(mapping, override)
            except ConfigError as error:
                errors.append(error)
    try:
        study = parse_study(mapping)
    except SeveralErrors as several:
        errors.extend(several.errors)
    if errors:
        raise SeveralErrors(errors)
    return resolve_paths(study, Path.cwd())


def dump_study(config: StudyConfig) -> str:
    """The study as YAML with every key written out; loading it gives an equal study.

    Args:
        config: The study.

    Returns:
        The text of the file.
    """
    return format_yaml(config.as_mapping())


def resolve_paths(config: StudyConfig, directory: Path) -> StudyConfig:
    """The study with the paths of local files made absolute, so that it means the same from anywhere.

    Args:
        config: The study.
        directory: Absolute directory that relative paths start at.

    Returns:
        The study; URLs, ids on the hub, `embedded` and `minilm` are left as they are.
    """
    data, groups, targets, model = config.data, config.groups, config.targets, config.model
    paths = {
        "data": data.model_copy(update={"train": _absolute(data.train, directory)}),
        "groups": groups.model_copy(update={"file": _absolute(groups.file, directory, is_path=True)}),
        "targets": targets.model_copy(
            update={
                "source": _absolute(targets.source, directory),
                "more": tuple(os.path.normpath(directory / Path(file).expanduser()) for file in targets.more),
            }
        ),
        "model": model.model_copy(update={"source": _absolute(model.source, directory)}),
        "masks": config.masks.model_copy(
            update={"inherit": _absolute(config.masks.inherit, directory, is_path=True)}
        ),
    }
    return config.model_copy(update=paths)


def _absolute(source: str | None, directory: Path, *, is_path: bool = False) -> str | None:
    if source is None or "://" in source or source in ("embedded", "minilm"):
        return source
    path = directory / Path(source).expanduser()
    # "owner/name" may be a folder here or an id on the hub: it is a folder if there is one.
    looks_local = source.startswith((".", "~", "/")) or file_format(source) is not None
    return os.path.normpath(path) if is_path or looks_local or path.exists() else source


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        there = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        nearest = difflib.get_close_matches(path.name, there, 1)
        raise ConfigError(
            "there is no such file",
            where=str(path),
            instead=f"did you mean {path.parent / nearest[0]}?"
            if nearest
            else "give the path of a study's YAML",
        ) from error
    except OSError as error:
        raise ConfigError(
            f"cannot be read ({error.strerror})", where=str(path), instead="give the path of a study's YAML"
        ) from error


def _assign(mapping: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    parts = path.strip().split(".")
    if not equals or not all(parts):
        raise ConfigError(
            "is no assignment",
            where=f"--set {override}",
            instead="write KEY=VALUE, such as training.epochs=4",
        )
    value = parse_yaml(text, f"--set {override}")
    inner = mapping
    for part in parts[:-1]:
        # A copy and not the mapping itself: YAML's anchors may share it with another section.
        below = inner.get(part)
        inner[part] = dict(below) if isinstance(below, Mapping) else {}
        inner = inner[part]
    inner[parts[-1]] = value
