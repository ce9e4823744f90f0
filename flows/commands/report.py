"""`spex-data report`: the page and the figures of a run again."""

from __future__ import annotations

from pathlib import Path

import click

from flows.options import JSON


@click.command()
@click.argument("run_dir", type=click.Path())
@JSON
def report(run_dir: str, json_wanted: bool) -> None:
    """Write the page and the figures of a run again; trains nothing.

    A run that is half done gets a page of what there is, marked as such.
    """
    from spex_data.values import read_value_table, writer_lock
    from tasks.foreign import recover_from
    from tasks.joined import joined_values, still_missing
    from tasks.pages import write_pages
    from tasks.run_folder import RunFolder
    from tasks.text_folders import texts_of

    folder = RunFolder(Path(run_dir))
    study = folder.read_study()
    with writer_lock(folder.directory):
        if texts_of(folder):
            from tasks.texts import write_texts

            for _, one in texts_of(folder):
                method, top = study.decoding.method, study.report.top
                write_pages(one, recover_from(one.directory, method=method, max_order=None, top=top))
            write_texts(folder)
            click.echo(f"written: {folder.report}")
            return
        whole = folder.values.is_file()
        values = read_value_table(folder.values) if whole else joined_values(folder)
        recovery = recover_from(
            folder.directory,
            method=study.decoding.method,
            max_order=None,
            top=study.report.top,
            values=values,
        )
        missing = still_missing(folder, study, values)
        write_pages(folder, recovery, missing)
    if json_wanted:
        from spex_data.reports import as_json

        said = {"report": str(folder.report), "table": str(folder.table), "missing": missing}
        click.echo(as_json(said), nl=False)
        return
    click.echo(f"written: {folder.report}")
    for sentence in missing:
        click.echo(f"half done: {sentence}")
