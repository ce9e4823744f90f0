"""`spex-data check`: every error of a study's config at once."""

from __future__ import annotations

import shlex

import click

from flows.environment import require_extra
from flows.options import JSON, SET


@click.command()
@click.argument("config", type=click.Path())
@SET
@JSON
def check(config: str, overrides: tuple[str, ...], json_wanted: bool) -> None:
    """Say everything that is wrong with a study's config, at once."""
    from spex_data.study import load_study

    study = load_study(config, overrides)
    require_extra(study.runner.kind)
    if json_wanted:
        from spex_data.reports import as_json

        click.echo(as_json({"config": config, "study": study.name, "fine": True}), nl=False)
        return
    click.echo(f"{config}: fine")
    click.echo(f"study {study.name!r} is run by: {shlex.join(['spex-data', 'run', config])}")
