from __future__ import annotations

import errno
import sqlite3

import httpx
import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, TEMPORARILY_UNAVAILABLE
from prefect.states import Failed
from sqlalchemy.exc import OperationalError

from spex_data.errors import ConfigError, RunnerError, StoreError
from tasks import retries
from tasks.retries import is_passing, is_transient, patiently


def full_disk() -> StoreError:
    error = StoreError("cannot be written", where="part-1.parquet", instead="free some space")
    error.__cause__ = TimeoutError()
    return error


def wrapped() -> RuntimeError:
    error = RuntimeError("the hub")
    error.__cause__ = requests.exceptions.ConnectionError()
    return error


class TestIsPassing:
    """A failure is tried again if it may pass by itself, and never if a user must change something."""

    @pytest.mark.parametrize(
        "error",
        [
            ConnectionResetError(),
            TimeoutError(),
            OSError(errno.ESTALE, "Stale file handle"),
            httpx.ConnectError("refused"),
            OperationalError("select 1", {}, sqlite3.OperationalError("database is locked")),
            MlflowException("the server closed the connection", error_code=TEMPORARILY_UNAVAILABLE),
            wrapped(),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_networks_locks_and_restarts_pass(self, error):
        assert is_passing(error)
        assert is_transient(None, None, Failed(data=error))

    @pytest.mark.parametrize(
        "error",
        [
            ConfigError("is 3", where="masks.budget", instead="write 4"),
            full_disk(),
            OSError(errno.ENOSPC, "No space left on device"),
            FileNotFoundError(errno.ENOENT, "train.csv"),
            ValueError("bad"),
            MlflowException("Metric name is too long", error_code=INVALID_PARAMETER_VALUE),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_wrong_input_a_full_disk_and_bugs_do_not(self, error):
        assert not is_passing(error)


class TestPatiently:
    """A server that was there is asked again for half a minute, then named."""

    @pytest.fixture(autouse=True)
    def at_once(self, monkeypatch):
        monkeypatch.setattr(retries, "PATIENCE", (0.0, 0.0))

    def test_an_answer_after_two_failures_is_an_answer(self):
        failures = [TimeoutError(), ConnectionError()]

        def call() -> str:
            if failures:
                raise failures.pop()
            return "there"

        assert patiently(call, server="MLflow", where="tracking.uri = x") == "there"

    def test_a_server_that_stays_away_is_one_message(self):
        def call() -> None:
            raise ConnectionError("refused")

        with pytest.raises(
            RunnerError, match=r"tracking.uri = x: MLflow stopped answering \(refused\); start it"
        ):
            patiently(call, server="MLflow", where="tracking.uri = x")

    def test_an_error_that_does_not_pass_is_raised_at_once(self):
        calls = []

        def call() -> None:
            calls.append(1)
            raise ValueError("bad")

        with pytest.raises(ValueError, match="bad"):
            patiently(call, server="MLflow", where="x")
        assert len(calls) == 1
