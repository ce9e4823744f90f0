from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.conftest import wait_for
from tests.flows.conftest import COMMAND, write_study

pytestmark = pytest.mark.services


@pytest.fixture
def server_on_postgres(postgres, environment, tmp_path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    env = {**environment, "PREFECT_API_DATABASE_CONNECTION_URL": f"postgresql+asyncpg://{postgres}/prefect"}
    command = [Path(sys.executable).parent / "prefect", "server", "start", "--port", str(port)]
    log = (tmp_path / "server.log").open("w")
    server = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for(f"{url}/health", server)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=20)
        log.close()


class TestPostgres:
    """A study runs with Prefect and MLflow both on PostgreSQL."""

    def test_a_study_runs_and_mlflow_has_it(self, postgres, server_on_postgres, environment, tmp_path):
        uri = f"postgresql+psycopg2://{postgres}/mlflow"
        env = {**environment, "PREFECT_API_URL": server_on_postgres, "MLFLOW_TRACKING_URI": uri}
        config = write_study(tmp_path / "tiny.yaml")
        done = subprocess.run([COMMAND, "run", config], capture_output=True, text=True, cwd=tmp_path, env=env)
        assert done.returncode == 0, done.stderr
        execution = json.loads((tmp_path / "runs/tiny/manifest.json").read_text())["executions"][0]
        run = MlflowClient(uri).get_run(execution["mlflow_run_id"])
        assert run.info.status == "FINISHED"
        assert run.data.params["training.epochs"] == "1"
        assert run.data.tags["prefect.flow_run_id"] == execution["prefect_flow_run_id"]
