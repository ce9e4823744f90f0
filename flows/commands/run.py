"""`spex-data run`: the main job; the same command again resumes it."""

from __future__ import annotations

import click
from rich.console import Console

from flows.options import JSON, SET
from flows.servers import require_servers


@click.command()
@click.argument("config", type=click.Path(), required=False)
@click.option("--out", metavar="DIR", help="Folder of the run; runs/NAME by default.")
@SET
@click.option("--update", is_flag=True, help="The study changed: reuse the values that are still valid.")
@click.option(
    "--from",
    "run_dir",
    metavar="RUN_DIR",
    type=click.Path(),
    help="Repeat this run into another folder (RUN_DIR-again), and say whether the values agree.",
)
@JSON
def run(
    config: str | None,
    out: str | None,
    overrides: tuple[str, ...],
    update: bool,
    run_dir: str | None,
    json_wanted: bool,
) -> None:
    """Run a study; the same command again resumes it."""
    if (config is None) == (run_dir is None):
        raise click.UsageError("give a study's YAML file, or --from RUN_DIR to repeat a run")
    if run_dir is not None:
        if update:
            raise click.UsageError("--update goes with a study's YAML file; a repetition starts afresh")
        _repeat(run_dir, out, overrides, json_wanted=json_wanted)
        return
    from spex_data.study import load_study

    study = load_study(str(config), overrides)  # every error at once, before anything is started
    require_servers(study)
    from flows.approval import require_page
    from flows.attribution import AttributionParameters
    from flows.lenses import flow_of
    from flows.stopping import result_of
    from flows.summary import print_summary, run_document
    from flows.terminal import progress_shown
    from spex_data.reports import as_json

    require_page(study)
    console = Console(stderr=json_wanted)
    parameters = AttributionParameters(config=str(config), overrides=overrides, out=out or "", update=update)
    with progress_shown(console):
        result = result_of(flow_of(study), parameters)
    if json_wanted:
        click.echo(as_json(run_document(result)), nl=False)
    else:
        print_summary(console, result)
    if result.failed:
        raise SystemExit(1)


def _repeat(run_dir: str, out: str | None, overrides: tuple[str, ...], *, json_wanted: bool) -> None:
    from flows.repetition import RepetitionParameters, repeat
    from flows.stopping import result_of
    from flows.terminal import progress_shown
    from tasks.repetition import repetition_words

    parameters = RepetitionParameters(run_dir=run_dir, out=out, overrides=overrides)
    require_servers(parameters.study())
    console = Console(stderr=json_wanted)
    with progress_shown(console):
        result = result_of(repeat, parameters)
    if json_wanted:
        from spex_data.reports import as_json

        click.echo(as_json({"directory": result.run.directory, "compared": result.compared}), nl=False)
    else:
        for line in repetition_words(result.compared):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        console.print(
            f"repetition  {result.run.directory}, repetition.json in it", markup=False, highlight=False
        )
    if result.compared["verdict"] == "not":
        raise SystemExit(1)
