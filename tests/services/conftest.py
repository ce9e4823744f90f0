from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.fail("PostgreSQL is missing: apt-get install postgresql")
    return found[-1].parent


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of its own on loopback, not run as root; host:port with user postgres."""
    home = tmp_path_factory.mktemp("postgres")
    as_user: list[str] = []
    if os.geteuid() == 0:
        as_user = ["runuser", "-u", "postgres", "--"]
        shutil.chown(home, "postgres", "postgres")
        for parent in (home.parent, *home.parent.parents[:1]):
            parent.chmod(0o755)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = home / "data"
    binaries = _binaries()

    def command(*words: str) -> None:
        done = subprocess.run([*as_user, *words], capture_output=True, text=True, cwd="/", timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr

    command(f"{binaries}/initdb", "-D", str(data), "-A", "trust", "-U", "postgres", "-E", "UTF8")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='{home}' -c fsync=off"
    command(f"{binaries}/pg_ctl", "-D", str(data), "-o", options, "-l", str(home / "log"), "-w", "start")
    for name in ("mlflow", "prefect"):
        command(f"{binaries}/createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", name)
    try:
        yield f"postgres@127.0.0.1:{port}"
    finally:
        command(f"{binaries}/pg_ctl", "-D", str(data), "-m", "immediate", "stop")
