"""Every test session keeps to itself: its own Prefect home, its own cache, one thread, nobody called."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from benchmarks import servers
from flows.environment import be_quiet

_HOME = tempfile.TemporaryDirectory(prefix="prefect-")
os.environ.update(OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", PREFECT_HOME=_HOME.name)
for name in ("PREFECT_API_URL", "MLFLOW_TRACKING_URI"):
    os.environ.pop(name, None)
be_quiet()
settings.register_profile("house", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("house")


@pytest.fixture(scope="session")
def shared_root(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that the test workers of one session share."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def prefect_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Prefect home of this worker's own."""
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture(scope="session")
def environment(shared_root: Path, prefect_home: Path) -> dict[str, str]:
    """The environment of a `spex-data` command under test."""
    return {
        **os.environ,
        "PREFECT_HOME": str(prefect_home),
        "SPEX_DATA_CACHE": str(shared_root / "cache"),
        "HOME": str(shared_root),
        "COLUMNS": "100",
    }


@pytest.fixture(scope="session")
def prefect_server(prefect_home: Path) -> Iterator[str]:
    """A real Prefect server on SQLite; its API's URL."""
    with servers.prefect_server(prefect_home, PREFECT_HOME=str(prefect_home)) as url:
        yield url
