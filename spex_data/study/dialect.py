"""The YAML that studies are written in: version 1.2's plain values, and no key twice."""

from __future__ import annotations

import re
from typing import Any

import yaml

from spex_data.errors import ConfigError

_Resolvers = dict[str, list[tuple[str, re.Pattern[str]]]]

_PLAIN = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
)
"""Tag, pattern and first characters of the unquoted words that are no texts."""


def _resolvers() -> _Resolvers:
    resolvers: _Resolvers = {}
    for tag, pattern, first in _PLAIN:
        for character in first:
            entry = (f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{pattern})$"))
            resolvers.setdefault(character, []).append(entry)
    return resolvers


class _Loader(yaml.SafeLoader):
    """Where PyYAML reads version 1.1: here `no`, `007` and dates are texts, and `1e-3` is a number."""

    yaml_implicit_resolvers = _resolvers()

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    problem = f"the key {key.value!r} is there twice"
                    raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
                seen.add(key.value)
        return node


class _Dumper(yaml.SafeDumper):
    """Quotes the texts that `_Loader` would read as something else."""

    yaml_implicit_resolvers = _resolvers()


def parse_yaml(text: bytes | str, where: str) -> Any:
    """The value that a YAML document holds.

    Args:
        text: The document, UTF-8 if bytes.
        where: What errors call it.

    Returns:
        Mappings, lists, texts, numbers, booleans or None.

    Raises:
        ConfigError: With line and column, if it is no YAML or a mapping holds a key twice.
    """
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{where}, line {mark.line + 1}, column {mark.column + 1}" if mark else where
        reason = error.problem or error.context or "it cannot be parsed"
        raise ConfigError(f"is no valid YAML ({reason})", where=place, instead="correct that line") from error
    except (yaml.YAMLError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"is no valid YAML ({reason})", where=where, instead="save it as text in UTF-8"
        ) from error


def format_yaml(value: Any) -> str:
    """The YAML document of plain values, keys in their order; `parse_yaml` gives them back."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
