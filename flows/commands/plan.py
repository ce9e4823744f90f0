"""`spex-data plan`: what a study will cost on this machine."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from flows.options import JSON, SET


@click.command()
@click.argument("config", type=click.Path())
@click.option("--out", metavar="DIR", help="Folder of the run; runs/NAME by default.")
@SET
@JSON
def plan(config: str, out: str | None, overrides: tuple[str, ...], json_wanted: bool) -> None:
    """Say what a study will cost on this machine: time, memory, disk; trains a short probe only."""
    from spex_data.reports import as_json, plan_table
    from spex_data.study import load_study
    from tasks.planning import plan_costs
    from tasks.run_folder import RunFolder

    study = load_study(config, overrides)
    folder = RunFolder(Path(out) if out else Path("runs") / study.name)
    if study.lens != "data":
        from tasks.lens_planning import plan_lens, plan_words

        planned = plan_lens(study, folder)
        click.echo(as_json(planned) if json_wanted else "\n".join(plan_words(planned)), nl=not json_wanted)
        return
    document = plan_costs(study, folder)
    if json_wanted:
        click.echo(as_json(document), nl=False)
    else:
        Console().print(plan_table(document), highlight=False)
