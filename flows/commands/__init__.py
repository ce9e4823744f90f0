"""The commands of `spex-data`: one file a command, both of one name; importing one imports nothing heavy."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

import click


def all_commands() -> list[click.Command]:
    """The commands, one a module of this package."""
    names = sorted(module.name for module in iter_modules(__path__))
    return [getattr(import_module(f"{__name__}.{name}"), name) for name in names]
