"""The `spex-data` command; Prefect, MLflow and torch are imported only by the commands that use them."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from flows.environment import be_quiet, require_extra, require_prefect_server
from spex_data.errors import SpexDataError

INTERRUPTED = 130
_SET = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change one key, such as training.epochs=4.",
)
_JSON = click.option("--json", "json_wanted", is_flag=True, help="Print JSON instead of tables.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="spex-data")
def cli() -> None:
    """Which groups of training examples act together in what a fine-tuned language model predicts."""


@cli.command()
@click.argument("config", type=click.Path())
@click.option("--out", metavar="DIR", help="Folder of the run; runs/NAME by default.")
@_SET
@click.option("--update", is_flag=True, help="The study changed: reuse the values that are still valid.")
def run(config: str, out: str | None, overrides: tuple[str, ...], update: bool) -> None:
    """Run a study; the same command again resumes it."""
    from spex_data.study import load_study

    study = load_study(config, overrides)  # every error at once, before anything is started
    require_extra(study.runner.kind)
    require_prefect_server()
    from prefect.exceptions import CancelledRun

    from flows.approval import require_page
    from flows.attribution import AttributionParameters, attribution
    from flows.summary import print_summary
    from flows.terminal import progress_shown

    require_page(study)
    console = Console()
    parameters = AttributionParameters(config=config, overrides=overrides, out=out, update=update)
    try:
        with progress_shown(console):
            result = attribution(parameters)
    except CancelledRun as stopped:
        click.echo(str(stopped), err=True)
        raise click.Abort from stopped
    print_summary(console, result)
    if result.failed:
        raise SystemExit(1)


@cli.command()
@click.argument("config", type=click.Path())
@_SET
def check(config: str, overrides: tuple[str, ...]) -> None:
    """Say everything that is wrong with a study's config, at once."""
    from spex_data.study import load_study

    study = load_study(config, overrides)
    require_extra(study.runner.kind)
    Console().print(f"{config}: fine; `spex-data run {config}` runs study {study.name!r}", highlight=False)


@cli.command()
@click.argument("config", type=click.Path())
@click.option("--out", metavar="DIR", help="Folder of the run; runs/NAME by default.")
@_SET
@_JSON
def plan(config: str, out: str | None, overrides: tuple[str, ...], json_wanted: bool) -> None:
    """Say what a study will cost on this machine: time, memory, disk; trains a short probe only."""
    from spex_data.reports import as_json, plan_table
    from spex_data.study import load_study
    from tasks.planning import plan_costs
    from tasks.run_folder import RunFolder

    study = load_study(config, overrides)
    document = plan_costs(study, RunFolder(Path(out) if out else Path("runs") / study.name))
    if json_wanted:
        click.echo(as_json(document), nl=False)
    else:
        Console().print(plan_table(document), highlight=False)


@cli.command()
@click.argument("source", metavar="RUN_DIR|VALUES", type=click.Path())
@click.option("--method", default=None, help="Decoder; the study's, or the default one, if not given.")
@click.option("--max-order", default=None, type=click.IntRange(1), help="Largest set reported.")
@click.option("--top", default=20, show_default=True, type=click.IntRange(1), help="Interactions a target.")
@click.option("--out", type=click.Path(dir_okay=False), help="Write the result to this JSON file.")
@_JSON
def recover(
    source: str, method: str | None, max_order: int | None, top: int, out: str | None, json_wanted: bool
) -> None:
    """Decode the values of a run, or any table with columns mask and value; trains nothing."""
    from flows.summary import print_interactions
    from spex_data.reports import as_json, write_document
    from tasks.foreign import recover_from

    recovery = recover_from(Path(source), method=method, max_order=max_order, top=top)
    if out:
        write_document(out, recovery.interactions)
    if json_wanted:
        click.echo(as_json(recovery.interactions), nl=False)
    else:
        print_interactions(Console(), recovery.interactions)
        if out:
            click.echo(f"written to {out}")


@cli.command()
@click.argument("run_dir", type=click.Path())
@click.option("--target", default=None, help="Only this target.")
@click.option("--top", default=10, show_default=True, type=click.IntRange(1), help="Rows a target.")
@_JSON
def show(run_dir: str, target: str | None, top: int, json_wanted: bool) -> None:
    """Show what a run found, in the terminal."""
    from flows.summary import print_interactions, read_interactions, selected
    from spex_data.reports import as_json
    from tasks.run_folder import RunFolder

    document = selected(read_interactions(Path(run_dir)), target=target)
    if json_wanted:
        click.echo(as_json(document), nl=False)
    else:
        print_interactions(Console(), document, top=top, unit=RunFolder(Path(run_dir)).unit())


@cli.command()
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


@cli.command()
@click.option("--runs", default="runs", show_default=True, type=click.Path(), help="Folder of the runs.")
@click.option("--prefect-port", default=4200, show_default=True, type=click.IntRange(1, 65535))
@click.option("--mlflow-port", default=5000, show_default=True, type=click.IntRange(1, 65535))
def ui(runs: str, prefect_port: int, mlflow_port: int) -> None:
    """Start Prefect's and MLflow's pages on this machine; Ctrl-C stops both."""
    from flows.pages import serve_pages

    serve_pages(Path(runs), prefect_port, mlflow_port)


def main() -> None:
    """The entry point: exit 0 done, 2 wrong input, 1 a fault of ours or failed masks, 130 interrupted."""
    be_quiet()
    try:
        sys.exit(cli.main(standalone_mode=False) or 0)
    except click.exceptions.Abort:
        _say_how_to_resume()
    except KeyboardInterrupt:
        _say_how_to_resume()
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except SpexDataError as error:
        from flows.terminal import print_error

        print_error(Console(stderr=True), error)
        sys.exit(2)


def _say_how_to_resume() -> None:
    words = " ".join(["spex-data", *sys.argv[1:]])
    click.echo(f"\ninterrupted; what was measured is kept, and this goes on from there:\n  {words}", err=True)
    sys.exit(INTERRUPTED)
