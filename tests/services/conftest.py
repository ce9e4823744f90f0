from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.fail("PostgreSQL is missing: apt-get install postgresql")
    return found[-1].parent


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server.

    Attributes:
        address: user@host:port, as URLs have it.
        restart: Stops it, cutting off whoever is connected, waits so many seconds and starts it again.
    """

    address: str
    restart: Callable[[float], None]


@pytest.fixture(scope="session")
def postgres(postgres_server: Postgres) -> str:
    """Where the session's PostgreSQL is, user@host:port."""
    return postgres_server.address


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL server of its own on loopback, not run as root; user postgres."""
    home = tmp_path_factory.mktemp("postgres")
    as_user: list[str] = []
    if os.geteuid() == 0:
        as_user = ["runuser", "-u", "postgres", "--"]
        shutil.chown(home, "postgres", "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = home / "data"
    binaries = _binaries()

    def command(*words: str) -> None:
        if as_user:  # each session of pytest closes the folder of all to other users again
            for parent in (home.parent, home.parent.parent):
                parent.chmod(0o755)
        done = subprocess.run([*as_user, *words], capture_output=True, text=True, cwd="/", timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr

    command(f"{binaries}/initdb", "-D", str(data), "-A", "trust", "-U", "postgres", "-E", "UTF8")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='{home}' -c fsync=off"
    start = ("-o", options, "-l", str(home / "log"), "-w", "start")

    def restart(pause: float) -> None:
        command(f"{binaries}/pg_ctl", "-D", str(data), "-m", "immediate", "stop")
        time.sleep(pause)
        command(f"{binaries}/pg_ctl", "-D", str(data), *start)

    command(f"{binaries}/pg_ctl", "-D", str(data), *start)
    for name in ("mlflow", "prefect"):
        command(f"{binaries}/createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", name)
    try:
        yield Postgres(f"postgres@127.0.0.1:{port}", restart)
    finally:
        command(f"{binaries}/pg_ctl", "-D", str(data), "-m", "immediate", "stop")
