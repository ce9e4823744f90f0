"""`spex-data extend`: more masks or more targets for a run that is there."""

from __future__ import annotations

import click
from rich.console import Console

from flows.environment import require_servers
from flows.options import JSON


@click.command()
@click.argument("run_dir", type=click.Path())
@click.option("--masks", type=click.IntRange(1), help="Training masks in all; those missing are trained.")
@click.option(
    "--targets",
    type=click.Path(),
    help="File of further targets, in the columns of the training data; measured on the kept adapters.",
)
@JSON
def extend(run_dir: str, masks: int | None, targets: str | None, json_wanted: bool) -> None:
    """Give a run more masks or more targets; trains or measures only what is missing."""
    from flows.extension import ExtensionParameters
    from flows.extension import extend as extension

    parameters = ExtensionParameters(run_dir=run_dir, masks=masks, targets=targets)
    require_servers(parameters.study())
    from flows.stopping import result_of
    from flows.summary import print_summary, run_document
    from flows.terminal import progress_shown
    from spex_data.reports import as_json

    console = Console(stderr=json_wanted)
    with progress_shown(console):
        result = result_of(extension, parameters)
    if json_wanted:
        click.echo(as_json(run_document(result)), nl=False)
    else:
        print_summary(console, result)
    if result.failed:
        raise SystemExit(1)
