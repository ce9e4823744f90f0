"""The page's templates, in which every value is escaped."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_FOLDER = Path(__file__).parent


def filled(template: str, **values: Any) -> Markup:
    """A template with its values; one that it misspells is an error.

    Args:
        template: Its file below `templates`, without `.html.jinja`.
        values: Text is escaped, `Markup` stays as it is.
    """
    return Markup(_environment().get_template(f"{template}.html.jinja").render(**values))


def script(name: str) -> str:
    """A script of ours, by its file's name."""
    return (_FOLDER / "scripts" / name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
