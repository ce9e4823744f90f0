from __future__ import annotations

import errno
from concurrent.futures.process import BrokenProcessPool

import httpx
import pytest
from mlflow.exceptions import MlflowException
from prefect.exceptions import CrashedRun

from flows.cli import main
from flows.faults import explain
from spex_data.errors import OutageError, RunnerError


def raised(cause: Exception, error: Exception) -> Exception:
    """An error that came from another."""
    try:
        raise error from cause
    except Exception as caught:
        return caught


class TestExplain:
    """A fault from outside is one message that says what to do; a fault of ours stays what it is."""

    @pytest.mark.parametrize(
        ("error", "says"),
        [
            (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
            (OSError(errno.EFBIG, "File too large"), "the disk is full"),
            (MlflowException("(sqlite3.OperationalError) database or disk is full"), "the disk is full"),
            (MlflowException("(sqlite3.OperationalError) database is locked"), "locked by another process"),
            (MlflowException("API request failed: Max retries exceeded"), "MLflow's store does not answer"),
            (BrokenProcessPool("A process in the process pool was terminated abruptly"), "a worker died"),
            (CrashedRun("the task run crashed"), "a worker died"),
            (httpx.ConnectError("All connection attempts failed"), "Prefect's server does not answer"),
        ],
    )
    def test_it_is_known(self, error, says):
        told = str(explain(error))
        assert says in told
        assert "run the same command again" in told

    def test_a_cluster_that_is_gone_is_said_by_the_names_of_its_errors(self):
        lost = type("FutureCancelledError", (Exception,), {})
        assert "the cluster does not answer any more (scheduler-connection-lost)" in str(
            explain(lost("scheduler-connection-lost"))
        )

    def test_a_server_of_its_own_that_does_not_come_up_is_said(self):
        error = RuntimeError("Timed out while attempting to connect to ephemeral Prefect API server.")
        assert "did not come up in time; try again when the machine is less busy" in str(explain(error))

    def test_it_is_known_from_what_it_came_from(self):
        error = raised(httpx.ConnectError("refused"), RuntimeError("the flow failed"))
        assert "Prefect" in str(explain(error))

    @pytest.mark.parametrize(
        "error", [ZeroDivisionError("division by zero"), KeyError("mask"), ValueError("x")]
    )
    def test_a_fault_of_ours_is_not_explained_away(self, error):
        assert explain(error) is None


class TestExitCode:
    """2 is for what a user wrote; a server that went away is none of that."""

    @pytest.mark.parametrize(("kind", "code"), [(OutageError, 1), (RunnerError, 2)])
    def test_an_outage_in_mid_run_ends_with_1_and_a_wrong_address_with_2(
        self, kind, code, monkeypatch, capsys
    ):
        def fail(**_):
            raise kind("stopped answering", where="tracking.uri = http://127.0.0.1:1")

        monkeypatch.setattr("flows.cli.cli.main", fail)
        with pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code == code
        assert "tracking.uri" in capsys.readouterr().err
