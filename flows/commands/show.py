"""`spex-data show`: what a run found, in the terminal."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from flows.options import JSON


@click.command()
@click.argument("run_dir", type=click.Path())
@click.option("--target", default=None, help="Only this target.")
@click.option("--top", default=10, show_default=True, type=click.IntRange(1), help="Rows a target.")
@JSON
def show(run_dir: str, target: str | None, top: int, json_wanted: bool) -> None:
    """Show what a run found, in the terminal."""
    from flows.summary import print_interactions, read_interactions, selected
    from spex_data.reports import as_json
    from tasks.run_folder import RunFolder

    document = selected(read_interactions(Path(run_dir)), target=target)
    if json_wanted:
        click.echo(as_json(document), nl=False)
    else:
        print_interactions(Console(), document, top=top, unit=RunFolder(Path(run_dir)).unit())
