"""`spex-data recover`: decode again, train nothing."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from flows.options import JSON


@click.command()
@click.argument("source", metavar="RUN_DIR|VALUES", type=click.Path())
@click.option("--method", default=None, help="Decoder; the study's, or the default one, if not given.")
@click.option("--max-order", default=None, type=click.IntRange(1), help="Largest set reported.")
@click.option("--top", default=20, show_default=True, type=click.IntRange(1), help="Interactions a target.")
@click.option("--out", type=click.Path(dir_okay=False), help="Write the result to this JSON file.")
@JSON
def recover(
    source: str, method: str | None, max_order: int | None, top: int, out: str | None, json_wanted: bool
) -> None:
    """Decode the values of a run, or any table with columns mask and value; trains nothing."""
    from flows.summary import print_interactions
    from spex_data.reports import as_json, write_document
    from tasks.foreign import recover_from

    recovery = recover_from(Path(source), method=method, max_order=max_order, top=top)
    if recovery.unknown:
        click.echo(f"masks left out because some target has no value: {recovery.unknown}", err=True)
    if out:
        write_document(out, recovery.interactions)
    if json_wanted:
        click.echo(as_json(recovery.interactions), nl=False)
    else:
        print_interactions(Console(), recovery.interactions)
        if out:
            click.echo(f"written to {out}")
