"""The API's pages, from its docstrings, in build/docs: `make docs`."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pdoc

import spex_data


def load_public_names() -> list[str]:
    """Every package of the library, with the names that it loads only when they are asked for.

    pdoc looks at what a module holds and asks for nothing.
    """
    packages = [f"spex_data.{found.name}" for found in iter_modules(spex_data.__path__)]
    for package in packages:
        module = import_module(package)
        for name in getattr(module, "__all__", ()):
            vars(module)[name] = getattr(module, name)
    return packages


if __name__ == "__main__":
    pdoc.render.configure(docformat="google", math=False)
    pdoc.pdoc(*load_public_names(), output_directory=Path(sys.argv[1]))
