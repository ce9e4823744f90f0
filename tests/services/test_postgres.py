from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator

import httpx
import pytest
from mlflow import MlflowClient

from benchmarks.servers import mlflow_server, prefect_server
from tests.flows.conftest import COMMAND, write_study

pytestmark = pytest.mark.services


@pytest.fixture
def server_on_postgres(postgres, tmp_path) -> Iterator[str]:
    database = f"postgresql+asyncpg://{postgres}/prefect"
    with prefect_server(tmp_path, PREFECT_API_DATABASE_CONNECTION_URL=database) as url:
        yield url


class TestPostgres:
    """A study runs with Prefect and MLflow both on PostgreSQL."""

    def test_a_study_runs_and_mlflow_has_it(self, postgres, server_on_postgres, environment, tmp_path):
        uri = f"postgresql+psycopg2://{postgres.replace('@', ':a-secret@')}/mlflow"
        env = {**environment, "PREFECT_API_URL": server_on_postgres, "MLFLOW_TRACKING_URI": uri}
        config = write_study(tmp_path / "tiny.yaml")
        done = subprocess.run([COMMAND, "run", config], capture_output=True, text=True, cwd=tmp_path, env=env)
        assert done.returncode == 0, done.stderr
        execution = json.loads((tmp_path / "runs/tiny/manifest.json").read_text())["executions"][0]
        run = MlflowClient(uri).get_run(execution["mlflow_run_id"])
        assert run.info.status == "FINISHED"
        assert run.data.params["training.epochs"] == "1"
        assert run.data.tags["prefect.flow_run_id"] == execution["prefect_flow_run_id"]
        assert "a-secret" not in (tmp_path / "runs/tiny/manifest.json").read_text() + done.stdout
        flow_runs = httpx.post(f"{server_on_postgres}/flow_runs/filter", json={}, timeout=30).text
        assert run.info.run_id in flow_runs
        assert "a-secret" not in flow_runs

    def test_a_restart_in_mid_run_loses_nothing(
        self, postgres_server, server_on_postgres, environment, tmp_path
    ):
        uri = f"postgresql+psycopg2://{postgres_server.address}/mlflow"
        env = {**environment, "PREFECT_API_URL": server_on_postgres, "MLFLOW_TRACKING_URI": uri}
        config = write_study(tmp_path / "r.yaml", name="restarted", runner={"kind": "inline", "chunk": 1})
        run = subprocess.Popen(
            [COMMAND, "run", config], cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True
        )
        parts = tmp_path / "runs" / "restarted" / "values"
        while run.poll() is None and len(list(parts.glob("part-*.parquet"))) < 3:
            time.sleep(0.05)
        assert run.poll() is None
        postgres_server.restart(3.0)
        _, err = run.communicate(timeout=240)
        assert run.returncode == 0, err
        execution = json.loads((tmp_path / "runs/restarted/manifest.json").read_text())["executions"][0]
        client = MlflowClient(uri)
        found = client.get_run(execution["mlflow_run_id"])
        assert found.info.status == "FINISHED"
        assert found.data.metrics["fine_tunes"] == 26
        below = f"tags.`mlflow.parentRunId` = '{found.info.run_id}' and tags.`spex.stage` = 'fine-tune'"
        children = client.search_runs([found.info.experiment_id], below)
        assert {child.info.run_name for child in children} == {f"masks {row}-{row}" for row in range(26)}


class TestMlflowServer:
    """A study logs through an MLflow server whose store is PostgreSQL."""

    def test_runs_children_and_artifacts_arrive_and_links_lead_to_the_server(
        self, postgres, prefect_server, environment, tmp_path
    ):
        database = f"postgresql+psycopg2://{postgres}/mlflow"
        with mlflow_server(tmp_path, database) as url:
            env = {**environment, "PREFECT_API_URL": prefect_server, "MLFLOW_TRACKING_URI": url}
            config = write_study(tmp_path / "s.yaml", name="served", decoding={"method": "linear"})
            done = subprocess.run(
                [COMMAND, "run", config], capture_output=True, text=True, cwd=tmp_path, env=env
            )
            assert done.returncode == 0, done.stderr
            execution = json.loads((tmp_path / "runs/served/manifest.json").read_text())["executions"][0]
            assert execution["mlflow_url"].startswith(f"{url}/#/experiments/")
            client = MlflowClient(url)
            run = client.get_run(execution["mlflow_run_id"])
            assert run.info.status == "FINISHED"
            files = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
            assert {"values.parquet", "interactions.json", "report.html"} <= files
