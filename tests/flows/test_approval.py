from __future__ import annotations

import json
import threading
import time

import httpx
import pytest

from flows import approval
from spex_data.reports import plan_markdown
from tests.flows.conftest import write_study

PLAN = {
    "study": "a|b", "fine_tunes": 64, "missing": 60, "masks": 48, "heldout_masks": 8, "heldout_seeds": 2,
    "examples": 138, "groups": 16, "targets": 5, "model": "embedded", "dtype": "float32", "device": "cpu",
    "workers": 2, "adapters_per_pass": 8, "worker_bytes": 7e8, "free_bytes": 2e10, "disk_bytes": 6e5,
    "disk_free_bytes": None, "probed": 5, "engine": {"seconds": 120, "seconds_a_mask": 2.0},
    "loop": {"seconds_a_mask": 5.0},
}  # fmt: skip


class TestPlanMarkdown:
    """The plan as a form shows it: a sentence and a table."""

    def test_it_says_how_long_it_takes_and_of_how_much(self):
        words = plan_markdown(PLAN)
        assert "would train for **2.0 min** on 2 workers" in words
        assert "| to do | 60 of 64 fine-tunes |" in words
        assert "| disk | 600 kB of unknown |" in words


class TestApproval:
    """With `runner.approve` nothing is trained before someone says so on Prefect's page."""

    @pytest.fixture
    def answering(self, prefect_server, monkeypatch):
        """Answers the next flow run that waits."""
        monkeypatch.setattr(approval, "SECONDS_BETWEEN_LOOKS", 0.2)

        def paused() -> str:
            body = {"flow_runs": {"state": {"type": {"any_": ["PAUSED"]}}}}
            until = time.monotonic() + 120
            while time.monotonic() < until:
                runs = httpx.post(f"{prefect_server}/flow_runs/filter", json=body).json()
                if runs:
                    time.sleep(0.5)  # the form is written after the state
                    return str(runs[0]["id"])
                time.sleep(0.2)
            raise TimeoutError

        def answer(path: str, body: dict[str, object]) -> None:
            said = httpx.post(f"{prefect_server}/flow_runs/{paused()}/{path}", json=body, timeout=60)
            while said.status_code == 503:  # SQLite is locked for a moment on a busy machine
                time.sleep(1)
                said = httpx.post(f"{prefect_server}/flow_runs/{paused()}/{path}", json=body, timeout=60)
            said.raise_for_status()

        return lambda path, body: threading.Thread(target=answer, args=(path, body), daemon=True).start()

    def test_declined_cancelled_and_approved(self, call, answering, tmp_path, prefect_server):
        small = {"masks": {"budget": 18, "heldout": 2, "heldout_seeds": 1}, "decoding": {"method": "linear"}}
        runner = {"kind": "inline", "chunk": 8, "approve": True}
        config = write_study(tmp_path / "tiny.yaml", name="asked", runner=runner, **small)
        answering("resume", {"run_input": {"approve": False, "note": "too dear"}})
        code, _, err = call("run", config)
        assert code == 130, err
        assert "the plan was declined (too dear); nothing was trained" in err
        answering("set_state", {"state": {"type": "CANCELLED"}, "force": True})
        code, _, err = call("run", config)
        assert code == 130, err
        assert "was cancelled while it waited" in err
        folder = tmp_path / "runs" / "asked"
        assert not (folder / "values").exists()
        answering("resume", {"run_input": {"approve": True}})
        code, out, err = call("run", config)
        assert code == 0, err
        assert "0 of 20 were measured before" in out
        executions = json.loads((folder / "manifest.json").read_text())["executions"]
        assert [one["state"] for one in executions] == ["stopped", "stopped", "finished"]
        self._prefect_shows_it(prefect_server, executions[-1])

    @staticmethod
    def _prefect_shows_it(server: str, execution: dict[str, str]) -> None:
        run = httpx.get(f"{server}/flow_runs/{execution['prefect_flow_run_id']}").json()
        assert {"spex-data", "asked", f"mlflow:{execution['mlflow_run_id']}"} <= set(run["tags"])
        body = {"artifacts": {"key": {"like_": "asked-"}}, "limit": 50}
        found = {one["key"]: one for one in httpx.post(f"{server}/artifacts/filter", json=body).json()}
        assert {"asked-plan", "asked-progress", "asked-interactions", "asked-figures", "asked-files"} <= set(
            found
        )
        assert found["asked-progress"]["data"] == 100
        named = {
            "filter": {
                "event": {"prefix": ["spex-data.study"]},
                "resource": {"id": ["spex-data.study.asked"]},
            }
        }
        until = time.monotonic() + 30
        events: list[str] = []
        while len(events) < 3 and time.monotonic() < until:
            answer = httpx.post(f"{server}/events/filter", json=named).json()
            events = sorted(event["event"].rpartition(".")[2] for event in answer["events"])
            time.sleep(0.3)
        assert events == ["finished", "stopped", "stopped"]

    def test_without_a_server_it_is_said_at_once(self, tmp_path, monkeypatch, capsys):
        from prefect.settings import PREFECT_API_URL, temporary_settings

        from flows.cli import main

        config = write_study(tmp_path / "tiny.yaml", runner={"kind": "inline", "approve": True})
        monkeypatch.setattr("sys.argv", ["spex-data", "run", config, "--out", str(tmp_path / "run")])
        with temporary_settings(restore_defaults={PREFECT_API_URL}), pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code == 2
        assert "runner.approve: is true, and there is no Prefect server" in capsys.readouterr().err
        assert not (tmp_path / "run").exists()
