"""`spex-data report`: the page and the figures of a run again."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run_dir", type=click.Path())
def report(run_dir: str) -> None:
    """Write the page and the figures of a run again; trains nothing."""
    from tasks.foreign import recover_from
    from tasks.pages import write_pages
    from tasks.run_folder import RunFolder

    folder = RunFolder(Path(run_dir))
    study = folder.read_study()
    recovery = recover_from(
        folder.directory, method=study.decoding.method, max_order=None, top=study.report.top
    )
    write_pages(folder, recovery)
    click.echo(f"written: {folder.report}")
