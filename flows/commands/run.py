"""`spex-data run`: the main job; the same command again resumes it."""

from __future__ import annotations

import click
from rich.console import Console

from flows.environment import require_prefect_server
from flows.options import SET


@click.command()
@click.argument("config", type=click.Path())
@click.option("--out", metavar="DIR", help="Folder of the run; runs/NAME by default.")
@SET
@click.option("--update", is_flag=True, help="The study changed: reuse the values that are still valid.")
def run(config: str, out: str | None, overrides: tuple[str, ...], update: bool) -> None:
    """Run a study; the same command again resumes it."""
    from spex_data.study import load_study

    load_study(config, overrides)  # every error at once, before anything is started
    require_prefect_server()
    from flows.attribution import AttributionParameters, attribution
    from flows.stopping import result_of
    from flows.summary import print_summary
    from flows.terminal import progress_shown

    console = Console()
    parameters = AttributionParameters(config=config, overrides=overrides, out=out, update=update)
    with progress_shown(console):
        result = result_of(attribution(parameters, return_state=True))
    print_summary(console, result)
    if result.failed:
        raise SystemExit(1)
