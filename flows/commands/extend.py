"""`spex-data extend`: more masks, more targets or finer groups for a run that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console

from flows.options import JSON
from flows.servers import require_servers

if TYPE_CHECKING:
    from flows.extension import ExtensionParameters
    from flows.zoom import ZoomParameters


@click.command()
@click.argument("run_dir", type=click.Path())
@click.option("--masks", type=click.IntRange(1), help="Training masks in all; those missing are trained.")
@click.option(
    "--targets",
    type=click.Path(),
    help="File of further targets, in the columns of the training data; measured on the kept adapters.",
)
@click.option("--split", metavar="GROUP", help="Split this group into parts, in a finer run of its own.")
@click.option("--by", metavar="COLUMN", help="With --split: column of the data whose values are the parts.")
@click.option("--parts", type=click.IntRange(2), help="With --split: so many parts, by chance.")
@click.option("--kmeans", is_flag=True, help="With --parts: clusters of near texts.")
@click.option("--out", metavar="DIR", help="With --split: folder of the finer run; RUN_DIR-GROUP by default.")
@JSON
def extend(
    run_dir: str,
    masks: int | None,
    targets: str | None,
    split: str | None,
    by: str | None,
    parts: int | None,
    kmeans: bool,
    out: str | None,
    json_wanted: bool,
) -> None:
    """Give a run more masks, more targets or finer groups; trains or measures only what is missing."""
    parameters: ExtensionParameters | ZoomParameters
    if split is None:
        if by or parts or kmeans or out:
            raise click.UsageError("--by, --parts, --kmeans and --out go with --split GROUP")
        from flows.extension import ExtensionParameters
        from flows.extension import extend as extension

        parameters = ExtensionParameters(run_dir=run_dir, masks=masks, targets=targets)
    else:
        if targets:
            raise click.UsageError("--split goes without --targets; extend the finer run by them afterwards")
        from flows.zoom import ZoomParameters
        from flows.zoom import zoom as extension

        parameters = ZoomParameters(
            run_dir=run_dir, group=split, by=by, parts=parts, kmeans=kmeans, masks=masks, out=out
        )
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
