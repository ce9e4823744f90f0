"""`spex-data verify`: retrain the corners of one's own hypothesis."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from flows.options import JSON
from flows.servers import require_servers


@click.command()
@click.argument("run_dir", type=click.Path())
@click.option(
    "--groups", required=True, metavar="A,B", help="Names or numbers of 2 to 4 groups, with commas between."
)
@click.option("--target", default=None, help="Only this target; all of them by default.")
@click.option(
    "--backgrounds",
    type=click.IntRange(4),
    help="Draws of the other groups to retrain over; as the study's verify.backgrounds by default.",
)
@click.option(
    "--seeds",
    type=click.IntRange(0),
    help="Seeds to retrain with where all other groups are there, for what dropping costs (an interval from"
    " 2 on); as the study's verify.full by default.",
)
@JSON
def verify(
    run_dir: str,
    groups: str,
    target: str | None,
    backgrounds: int | None,
    seeds: int | None,
    json_wanted: bool,
) -> None:
    """Retrain what decides whether some groups act together; says what it costs before it starts."""
    from spex_data.reports import as_json
    from tasks.hypothesis import chosen_groups, chosen_target, require_training
    from tasks.run_folder import RunFolder

    folder = RunFolder(Path(run_dir))
    require_training(folder)
    members = chosen_groups(folder, groups)
    column = chosen_target(folder, target)
    require_servers(folder.read_study())
    from flows.hypothesis import hypothesis
    from flows.stopping import result_of
    from flows.summary import print_verdicts
    from flows.terminal import progress_shown

    console = Console(stderr=json_wanted)
    with progress_shown(console):
        document = result_of(hypothesis, str(folder.directory), members, column, backgrounds, seeds)
    if json_wanted:
        click.echo(as_json(document), nl=False)
    else:
        print_verdicts(console, document)
    if document["failed"]:
        console.print(
            f"{document['failed']} fine-tunes failed, the first because {document['cause']}",
            markup=False,
            highlight=False,
        )
        raise SystemExit(1)
