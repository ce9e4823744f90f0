"""`spex-data report`: the page and the figures of a run again."""

from __future__ import annotations

from pathlib import Path

import click

from flows.options import JSON


@click.command()
@click.argument("run_dir", type=click.Path())
@JSON
def report(run_dir: str, json_wanted: bool) -> None:
    """Write the page and the figures of a run again; trains nothing."""
    from spex_data.values import writer_lock
    from tasks.foreign import recover_from
    from tasks.pages import write_pages
    from tasks.run_folder import RunFolder, texts_of

    folder = RunFolder(Path(run_dir))
    study = folder.read_study()
    with writer_lock(folder.directory):
        for _, one in texts_of(folder):
            method, top = study.decoding.method, study.report.top
            write_pages(one, recover_from(one.directory, method=method, max_order=None, top=top))
        if texts_of(folder):
            from tasks.texts import write_texts

            write_texts(folder)
            click.echo(f"written: {folder.report}")
            return
        recovery = recover_from(
            folder.directory, method=study.decoding.method, max_order=None, top=study.report.top
        )
        write_pages(folder, recovery)
    if json_wanted:
        from spex_data.reports import as_json

        click.echo(as_json({"report": str(folder.report)}), nl=False)
    else:
        click.echo(f"written: {folder.report}")
