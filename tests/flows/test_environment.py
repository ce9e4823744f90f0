from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from flows import environment
from flows.environment import require_servers, why_unreachable, without_password
from spex_data.errors import RunnerError, SeveralErrors
from spex_data.study import parse_study
from tests.flows.conftest import study


@pytest.fixture
def silent() -> Iterator[str]:
    """host:port of something that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def answering() -> Iterator[str]:
    """host:port of a server that knows /health and nothing else."""

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class TestWhyUnreachable:
    """Whether anything answers is known within a set time, whatever the clients would do."""

    def test_a_server_that_answers_is_reachable(self, answering):
        assert why_unreachable(f"http://{answering}") is None

    def test_a_server_that_never_says_a_word_is_given_up_in_time(self, silent):
        assert why_unreachable(f"http://{silent}", patience=0.2) == "nothing came within 0.2 s"

    def test_a_closed_port_and_a_host_without_a_name_are_unreachable(self):
        assert "refused" in why_unreachable("http://127.0.0.1:1")
        assert why_unreachable("http://no-such-host.invalid")

    def test_a_database_is_asked_for_its_port(self, silent):
        assert why_unreachable(f"postgresql+psycopg2://u:p@{silent}/mlflow") is None
        assert "refused" in why_unreachable("postgresql://u:p@127.0.0.1:1/mlflow")

    def test_a_cluster_is_asked_for_its_port(self, silent):
        assert why_unreachable(f"tcp://{silent}") is None
        assert why_unreachable(silent) is None
        assert "refused" in why_unreachable("127.0.0.1:1")
        assert "refused" in why_unreachable("ray://127.0.0.1:1")

    def test_a_page_that_is_missing_counts_only_where_it_must_be_there(self, answering):
        assert why_unreachable(f"http://{answering}/other") is None
        assert "404" in why_unreachable(f"http://{answering}/other", strict=True)

    @pytest.mark.parametrize("uri", ["sqlite:///runs/mlflow.db", "runs/mlruns", "databricks", "auto"])
    def test_what_names_no_host_is_not_asked(self, uri):
        assert why_unreachable(uri) is None


class TestRequireServers:
    """Servers that do not answer are named, all at once, before anything is loaded."""

    def test_both_are_named_with_what_was_tried(self, monkeypatch):
        monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
        asked = parse_study(study(tracking={"uri": "http://127.0.0.1:2"}))
        with pytest.raises(SeveralErrors) as wrong:
            require_servers(asked)
        places = [error.where for error in wrong.value.errors]
        assert places == ["PREFECT_API_URL = http://127.0.0.1:1/api", "tracking.uri = http://127.0.0.1:2"]

    @pytest.mark.parametrize(("kind", "address"), [("dask", "tcp://127.0.0.1:1"), ("ray", "127.0.0.1:1")])
    def test_a_cluster_that_does_not_answer_is_named(self, monkeypatch, kind, address):
        monkeypatch.delenv("PREFECT_API_URL", raising=False)
        monkeypatch.setattr(environment, "find_spec", lambda name: True)
        asked = parse_study(study(runner={"kind": kind, "address": address}, tracking={"mlflow": False}))
        with pytest.raises(RunnerError, match="does not answer") as wrong:
            require_servers(asked)
        assert wrong.value.where == f"runner.address = {address}"

    def test_a_name_that_nobody_looks_up_in_time_is_given_up(self, monkeypatch):
        never = threading.Event()
        monkeypatch.setattr(environment, "PATIENCE", -0.9)
        monkeypatch.setattr(environment, "why_unreachable", lambda uri, strict: never.wait())
        monkeypatch.setenv("PREFECT_API_URL", "http://no-such-host.invalid/api")
        with pytest.raises(RunnerError, match="does not answer"):
            require_servers(parse_study(study()))
        never.set()

    def test_what_is_waited_for_is_less_than_10_seconds(self):
        assert environment.PATIENCE + 1 < 10

    def test_a_database_from_the_environment_is_named_without_its_password(self, monkeypatch):
        monkeypatch.delenv("PREFECT_API_URL", raising=False)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:secret@127.0.0.1:1/mlflow")
        with pytest.raises(RunnerError, match=r"MLFLOW_TRACKING_URI = postgresql://me:\*\*\*@") as wrong:
            require_servers(parse_study(study()))
        assert "secret" not in str(wrong.value)

    def test_tracking_that_is_off_needs_no_server(self, monkeypatch):
        monkeypatch.delenv("PREFECT_API_URL", raising=False)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
        with pytest.raises(RunnerError, match="MLFLOW_TRACKING_URI"):
            require_servers(parse_study(study()))
        assert require_servers(parse_study(study(tracking={"mlflow": False}))) is None

    def test_a_password_is_hidden_and_nothing_else(self):
        assert without_password("http://u:p@h:1/p") == "http://u:***@h:1/p"
        assert without_password("http://h:1/api") == "http://h:1/api"
