"""`spex-data diff`: what changed between two runs."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from flows.options import JSON


@click.command()
@click.argument("run_a", type=click.Path())
@click.argument("run_b", type=click.Path())
@JSON
def diff(run_a: str, run_b: str, json_wanted: bool) -> None:
    """Say which interactions appeared, vanished or changed sign from RUN_A to RUN_B, with intervals."""
    from spex_data.reports import as_json, comparison_table
    from tasks.comparison import compare_runs

    document = compare_runs(Path(run_a), Path(run_b))
    if json_wanted:
        click.echo(as_json(document), nl=False)
    else:
        console = Console()
        console.print(comparison_table(document, width=console.width))
