"""Servers of a benchmark's own, on free ports, with everything they write in one folder."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from flows.environment import be_quiet

BINARIES = Path(sys.executable).parent


def quiet_environment(home: Path) -> dict[str, str]:
    """The environment of a command that keeps to `home` and calls nobody."""
    be_quiet()
    return {
        **os.environ,
        "PREFECT_HOME": str(home / "prefect"),
        "SPEX_DATA_CACHE": str(home / "cache"),
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "100",
    }


@contextmanager
def prefect_server(home: Path, **environment: str) -> Iterator[str]:
    """A Prefect server; its API's URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    env = {**quiet_environment(home), "PREFECT_UI_API_URL": url, **environment}
    with _served([BINARIES / "prefect", "server", "start", "--port", str(port)], f"{url}/health", env, home):
        yield url


@contextmanager
def mlflow_server(home: Path, database: str, **environment: str) -> Iterator[str]:
    """An MLflow server with one worker; its URL."""
    port = free_port()
    command = [
        *(BINARIES / "mlflow", "server", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", database, "--artifacts-destination", str(home / "artifacts")),
    ]
    url = f"http://127.0.0.1:{port}"
    with _served(command, f"{url}/health", {**quiet_environment(home), **environment}, home):
        yield url


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _served(command: Sequence[Path | str], health: str, env: dict[str, str], home: Path) -> Iterator[None]:
    with (home / f"{Path(command[0]).name}-server.log").open("w") as log:
        server = subprocess.Popen(list(command), env=env, cwd=home, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for(health, server)
            yield
        finally:
            server.terminate()
            try:
                server.wait(timeout=30)
            except subprocess.TimeoutExpired:  # uvicorn waits for clients that do not hang up
                server.kill()
                server.wait()


def wait_for(url: str, server: subprocess.Popen[bytes], patience: float = 180.0) -> None:
    """Waits until a server answers.

    Raises:
        RuntimeError: It ended instead.
        TimeoutError: It did not, within so many seconds.
    """
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if server.poll() is not None:
            raise RuntimeError(f"the server ended with {server.returncode}")
        try:
            with urlopen(url, timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise TimeoutError(url)
