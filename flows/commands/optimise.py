"""`spex-data optimise`: which groups to train on."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from flows.options import JSON
from flows.servers import require_servers


@click.command()
@click.argument("run_dir", type=click.Path())
@click.option("--keep", type=int, help="Exactly so many groups.")
@click.option("--at-most", type=int, help="So many groups or fewer.")
@click.option("--target", default=None, help="Whose value; needed where there are several.")
@click.option("--smallest", is_flag=True, help="The smallest value instead of the largest.")
@click.option("--seeds", default=1, show_default=True, type=click.IntRange(0), help="Retrainings; 0: none.")
@JSON
def optimise(
    run_dir: str,
    keep: int | None,
    at_most: int | None,
    target: str | None,
    smallest: bool,
    seeds: int,
    json_wanted: bool,
) -> None:
    """Find the groups that are best to train on (or parts to keep), and measure what they give."""
    from spex_data.reports import as_json
    from tasks.hypothesis import only_target
    from tasks.optimise import optimum_words, sizes_asked
    from tasks.run_folder import RunFolder
    from tasks.text_folders import require_one_text

    folder = RunFolder(Path(run_dir))
    study = folder.read_study()
    require_one_text(folder.directory, "optimise", "--keep K")
    column = only_target(folder, target)
    least, most = sizes_asked(int(folder.read_manifest()["n_groups"]), keep, at_most)
    require_servers(study)
    from flows.optimise import optimise as flow
    from flows.terminal import progress_shown

    console = Console(stderr=json_wanted)
    with progress_shown(console):
        document = flow(run_dir, target=column, least=least, most=most, smallest=smallest, seeds=seeds)
    if json_wanted:
        click.echo(as_json(document), nl=False)
    else:
        click.echo("\n".join(optimum_words(document)))
