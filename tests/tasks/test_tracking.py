from __future__ import annotations

import math
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow import MlflowClient
from mlflow.utils.validation import _validate_metric_name

from spex_data.errors import RunnerError
from spex_data.study import parse_study
from tasks.tracking import TrackedRun, child_run, end_run, log_curves, log_params, metric_names, start_run
from tests.flows.conftest import study


@pytest.fixture
def run(tmp_path) -> TrackedRun:
    return start_run(parse_study(study()), tmp_path / "runs" / "tiny", {"a": "b"})


class TestMetricNames:
    """Target names are people's words; MLflow takes fewer characters."""

    @given(names=st.lists(st.text(min_size=1, max_size=300), max_size=6, unique=True))
    def test_every_name_is_one_that_mlflow_takes_and_none_is_lost(self, names):
        plain = metric_names([f"value.{name}" for name in names])
        assert len(set(plain)) == len(names)
        for name in plain:
            _validate_metric_name(name)

    def test_a_plain_name_stays_as_it_is(self):
        assert metric_names(["value.both-needed"]) == ["value.both-needed"]


class TestLogCurves:
    """A curve is points of (step, value), at most 1,000 of them."""

    def test_nan_is_left_out_and_long_curves_are_thinned(self, run):
        log_curves(
            run, {"short": [(0, 1.0), (1, math.nan), (2, 3.0)], "long": [(i, float(i)) for i in range(2500)]}
        )
        client = MlflowClient(run.uri)
        assert [point.step for point in client.get_metric_history(run.run_id, "short")] == [0, 2]
        long = client.get_metric_history(run.run_id, "long")
        assert 500 < len(long) <= 1000
        assert long[0].step == 0


class TestChildRun:
    """A child is FINISHED after its block, and FAILED by an error in it."""

    def test_both_ends(self, run):
        with child_run(run, "good") as good:
            pass
        with pytest.raises(ZeroDivisionError), child_run(run, "bad") as bad:
            raise ZeroDivisionError
        client = MlflowClient(run.uri)
        assert client.get_run(good.run_id).info.status == "FINISHED"
        assert client.get_run(bad.run_id).info.status == "FAILED"
        assert client.get_run(good.run_id).data.tags["mlflow.parentRunId"] == run.run_id


class TestStartRun:
    """A run is opened in the study's experiment, or not at all."""

    def test_the_default_is_sqlite_beside_the_runs(self, run, tmp_path):
        assert run.uri == f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}"
        end_run(run, "KILLED")
        assert MlflowClient(run.uri).get_run(run.run_id).info.status == "KILLED"

    def test_with_tracking_off_nothing_is_logged_and_nothing_fails(self, tmp_path):
        off = start_run(parse_study(study(tracking={"mlflow": False})), tmp_path / "runs" / "tiny", {})
        with child_run(off, "child") as child:
            log_params(child, {"a": 1})
            log_curves(child, {"b": [(0, 1.0)]})
        assert off.run_id is None
        assert list(tmp_path.iterdir()) == []

    def test_a_password_from_the_environment_reaches_the_client_and_nobody_else(self, tmp_path, monkeypatch):
        whole = "postgresql://me:a-secret@127.0.0.1:1/mlflow"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", whole)
        client = Mock()
        client.return_value.create_run.return_value.info.run_id = "r"
        client.return_value.get_experiment_by_name.return_value.experiment_id = "1"
        monkeypatch.setattr("mlflow.MlflowClient", client)
        opened = start_run(parse_study(study()), tmp_path / "runs" / "tiny", {})
        assert opened.uri == "postgresql://me:***@127.0.0.1:1/mlflow"
        client.assert_called_once_with(tracking_uri=whole)

    def test_a_server_that_does_not_answer_is_one_message(self, tmp_path):
        unreachable = parse_study(study(tracking={"uri": "http://127.0.0.1:1"}))
        with pytest.raises(RunnerError, match=r"tracking.uri = http://127.0.0.1:1"):
            start_run(unreachable, tmp_path / "runs" / "tiny", {})
