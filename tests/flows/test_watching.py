from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from uuid import uuid4

import httpx
import pytest
from mlflow import MlflowClient
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import watching
from flows.interrupts import cancelled, listen
from flows.watching import state_if_cancelled, watch
from tests.flows.conftest import COMMAND, write_study


@pytest.fixture
def ours():
    """The process as the command has it: it listens."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    listen()
    yield
    listen()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def nobody():
    """An API URL at which nothing answers."""
    with temporary_settings({PREFECT_API_URL: "http://me:secret@127.0.0.1:1/api"}):
        yield


class TestGone:
    """A Prefect server that stays away is said once; one that comes back is forgiven."""

    def test_it_is_named_after_the_patience_without_its_password(self, ours, nobody):
        said: list[Exception] = []
        watch([uuid4()], threading.Event(), said.append, patience=0.1, between=0.02)
        (error,) = said
        assert "PREFECT_API_URL = http://me:***@127.0.0.1:1/api" in str(error)
        assert "start it again, then the same command: what was measured is kept" in str(error)

    def test_one_that_comes_back_within_the_patience_is_not(self, ours, monkeypatch):
        said: list[Exception] = []
        over, looks = threading.Event(), []

        def look(runs):
            looks.append(len(looks))
            if looks[-1] == 200:
                over.set()
            if looks[-1] % 2:
                raise httpx.ConnectError("refused")
            return False

        monkeypatch.setattr(watching, "_is_cancelled", look)
        watch([uuid4()], over, said.append, patience=0.05, between=0.001)
        assert said == []


class TestCancelled:
    """Only a cancel is taken for one."""

    def test_an_ordinary_interrupt_stays_one(self, ours):
        def flow():
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except KeyboardInterrupt:
                return state_if_cancelled()

        with pytest.raises(KeyboardInterrupt):
            flow()

    def test_a_cancel_interrupts_and_the_flow_ends_as_cancelled(self, ours, monkeypatch):
        monkeypatch.setattr(watching, "_is_cancelled", lambda runs: True)
        try:
            watch([uuid4()], threading.Event(), lambda error: None, between=0.001)
            time.sleep(5)
        except KeyboardInterrupt:
            assert cancelled()
            assert state_if_cancelled().is_cancelled()
        else:
            pytest.fail("nothing was interrupted")

    def test_a_run_cancelled_on_the_page_ends_cleanly_and_the_command_says_how_to_go_on(
        self, environment, prefect_server, tmp_path
    ):
        # a fast machine is not done before anyone looks
        long = {"budget": 2000, "heldout": 4, "heldout_seeds": 2}
        config = write_study(
            tmp_path / "c.yaml", name="cancelled", masks=long, runner={"kind": "inline", "chunk": 1}
        )
        run = subprocess.Popen(
            [COMMAND, "run", config],
            env={**environment, "PREFECT_API_URL": prefect_server},
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
        )
        folder = tmp_path / "runs" / "cancelled"
        while run.poll() is None and not list((folder / "values").glob("part-*.parquet")):
            time.sleep(0.02)
        assert run.poll() is None, run.communicate()[1]
        (execution,) = json.loads((folder / "manifest.json").read_text())["executions"]
        page = f"{prefect_server}/flow_runs/{execution['prefect_flow_run_id']}"
        httpx.post(f"{page}/set_state", json={"state": {"type": "CANCELLING"}}).raise_for_status()
        _, err = run.communicate(timeout=120)
        assert run.returncode == 130, err
        assert err.startswith("cancelled on Prefect's page; what was measured is kept, and this goes on")
        assert f"spex-data run {config}" in err
        assert httpx.get(page).json()["state"]["type"] == "CANCELLED"
        below = {"flow_runs": {"parent_flow_run_id": {"any_": [execution["prefect_flow_run_id"]]}}}
        (stage,) = httpx.post(f"{prefect_server}/flow_runs/filter", json=below).json()
        assert stage["state"]["type"] == "CANCELLED"
        tracked = MlflowClient(execution["mlflow_uri"]).get_run(execution["mlflow_run_id"])
        assert tracked.info.status == "KILLED"
        assert json.loads((folder / "manifest.json").read_text())["executions"][0]["state"] == "stopped"
