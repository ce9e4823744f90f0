"""Prefect's and MLflow's pages on this machine, linked to each other."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import click

from spex_data.errors import RunnerError, SeveralErrors
from tasks.experiments import make_tables
from tasks.tracking import MODE
from tasks.tracking_addresses import remove_pages_card, without_password, write_pages_card


def serve_pages(runs: Path, prefect_port: int, mlflow_port: int) -> None:
    """Starts both servers and waits; Ctrl-C stops both.

    Args:
        runs: Folder of the runs, whose mlflow.db is shown.
        prefect_port: Port of Prefect's page.
        mlflow_port: Port of MLflow's page.

    Raises:
        SeveralErrors: Their ports are taken.
        RunnerError: One of them is, or a server stopped by itself.
    """
    _require_free({"--prefect-port": prefect_port, "--mlflow-port": mlflow_port})
    runs.mkdir(parents=True, exist_ok=True)
    database = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{runs.resolve() / 'mlflow.db'}"
    make_tables(database)
    binaries = Path(sys.executable).parent
    api = f"http://127.0.0.1:{prefect_port}/api"
    servers = {
        "Prefect": _serve(
            [binaries / "prefect", "server", "start", "--port", str(prefect_port)], PREFECT_UI_API_URL=api
        ),
        "MLflow": _serve(
            [binaries / "mlflow", "ui", "--port", str(mlflow_port), "--workers", "1"],
            MLFLOW_BACKEND_STORE_URI=database,
            # Six more processes, for judging language models by language models.
            MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
        ),
    }
    card = write_pages_card(runs, database=database, page=f"http://127.0.0.1:{mlflow_port}")
    click.echo(f"Prefect  http://127.0.0.1:{prefect_port}   flows: PREFECT_API_URL={api} spex-data run ...")
    shown = without_password(database)
    click.echo(f"MLflow   http://127.0.0.1:{mlflow_port}/#/experiments?{MODE}   experiments of {shown}")
    click.echo('in MLflow click "Model training", top left, once: it opens on traces of language models')
    click.echo(f"runs in {runs}/ that start from now on are linked on both pages")
    click.echo("both take some seconds to start; Ctrl-C stops them")
    try:
        while all(server.poll() is None for server in servers.values()):
            time.sleep(0.5)
        stopped = next(name for name, server in servers.items() if server.poll() is not None)
        raise RunnerError(
            f"{stopped}'s server stopped by itself",
            where="spex-data ui",
            instead="see whether its port is taken, or choose others with --prefect-port and --mlflow-port",
        )
    finally:
        remove_pages_card(card)
        for server in servers.values():
            server.terminate()
        for server in servers.values():
            server.wait(timeout=20)


def _require_free(ports: Mapping[str, int]) -> None:
    """Servers take half a minute to find out, and would not say whose port it was."""
    errors = []
    with ExitStack() as held:
        for option, port in ports.items():
            probe = held.enter_context(socket.socket())
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do
            try:
                probe.bind(("127.0.0.1", port))
                probe.listen()
            except OSError as error:
                errors.append(
                    RunnerError(
                        f"cannot be had ({error.strerror})",
                        where=f"{option} {port}",
                        instead=f"see whether these pages are served already, at http://127.0.0.1:{port},"
                        " or choose another port",
                    )
                )
    if errors:
        raise SeveralErrors(errors) if len(errors) > 1 else errors[0]


def _serve(command: list[Path | str], **environment: str) -> subprocess.Popen[bytes]:
    env = {**os.environ, **environment}
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
