"""`spex-data show`: what a run found, in the terminal."""

from __future__ import annotations

from pathlib import Path
from shlex import join
from typing import Any

import click
from rich.console import Console

from flows.options import JSON


@click.command()
@click.argument("run_dir", type=click.Path())
@click.option("--target", default=None, help="Only this target.")
@click.option("--order", default=None, type=int, help="Only sets of so many groups; 1 is single groups.")
@click.option("--kind", default=None, help="Only this kind, such as redundant or antidote.")
@click.option("--top", default=10, show_default=True, type=click.IntRange(1), help="Rows a target.")
@JSON
def show(
    run_dir: str, target: str | None, order: int | None, kind: str | None, top: int, json_wanted: bool
) -> None:
    """Show what a run found, in the terminal."""
    from flows.filters import filter_words, selected
    from flows.summary import documents_of, print_run
    from spex_data.reports import as_json, read_document
    from tasks.run_folder import RunFolder

    folder = RunFolder(Path(run_dir))
    folder.read_study()

    def choose(document: dict[str, Any]) -> dict[str, Any]:
        return selected(document, target=target, order=order, kind=kind)

    if json_wanted:
        found = documents_of(folder)
        shown = {"texts": found["texts"]} if "texts" in found else choose(found["interactions"])
        click.echo(as_json(shown), nl=False)
        return
    filtered = filter_words(order=order, kind=kind)
    shown_documents = print_run(Console(), folder, top=top, choose=choose)
    if not any(document["targets"] for document in shown_documents):
        click.echo(
            f"nothing of {filtered} was found; `{join(['spex-data', 'show', run_dir])}` shows what was"
        )
        return
    if folder.rounds.is_file() and not filtered:
        click.echo(f"ended     {read_document(folder.rounds)['rounds'][-1]['why']}")
    if filtered:
        click.echo(f"shown: {filtered} alone; the sentences above speak of these only")
