"""`spex-data check`: every error of a study's config at once."""

from __future__ import annotations

import click
from rich.console import Console

from flows.options import SET


@click.command()
@click.argument("config", type=click.Path())
@SET
def check(config: str, overrides: tuple[str, ...]) -> None:
    """Say everything that is wrong with a study's config, at once."""
    from spex_data.study import load_study

    study = load_study(config, overrides)
    Console().print(f"{config}: fine; `spex-data run {config}` runs study {study.name!r}", highlight=False)
