"""`spex-data ui`: both pages on this machine."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--runs", default="runs", show_default=True, type=click.Path(), help="Folder of the runs.")
@click.option("--prefect-port", default=4200, show_default=True, type=click.IntRange(1, 65535))
@click.option("--mlflow-port", default=5000, show_default=True, type=click.IntRange(1, 65535))
def ui(runs: str, prefect_port: int, mlflow_port: int) -> None:
    """Start Prefect's and MLflow's pages on this machine; Ctrl-C stops both."""
    from flows.pages import serve_pages

    serve_pages(Path(runs), prefect_port, mlflow_port)
