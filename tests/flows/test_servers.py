from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from prefect.settings import PREFECT_API_AUTH_STRING, temporary_settings

from flows import environment, servers
from flows.servers import require_servers, why_no_mlflow, why_no_port, why_no_prefect
from spex_data.errors import RunnerError, SeveralErrors
from spex_data.study import parse_study
from tasks.tracking_addresses import without_password
from tests.flows.conftest import study


@pytest.fixture
def silent() -> Iterator[str]:
    """host:port of something that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def answering() -> Iterator[str]:
    """host:port of a server with /health, MLflow's answer below /other, and /closed for team:secret."""

    class Known(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            let_in = self.headers.get("Authorization") == "Basic dGVhbTpzZWNyZXQ="  # team:secret
            closed = self.path.startswith("/closed/") and self.path != "/closed/health"
            known = self.path in ("/health", "/closed/health") or closed
            self.send_response(401 if closed and not let_in else 200 if known else 404)
            self.end_headers()
            if closed and let_in:
                self.wfile.write(b'{"experiment": {}}')
            if self.path.startswith("/other/api/2.0/mlflow/"):
                self.wfile.write(b'{"error_code": "RESOURCE_DOES_NOT_EXIST"}')

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Known)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class TestWhyNoPrefect:
    """Prefect's API is one that has its page /health."""

    def test_a_server_that_answers_is_reachable(self, answering):
        assert why_no_prefect(f"http://{answering}") is None

    def test_another_page_of_it_is_not(self, answering):
        assert "404" in why_no_prefect(f"http://{answering}/other")

    def test_one_that_wants_credentials_names_what_holds_them(self, answering):
        closed = f"http://{answering}/closed"
        assert why_no_prefect(closed) == "it wants credentials of PREFECT_API_AUTH_STRING or PREFECT_API_KEY"
        with temporary_settings({PREFECT_API_AUTH_STRING: "team:wrong"}):
            assert why_no_prefect(closed).startswith("it refuses the credentials of PREFECT_API_AUTH_STRING")
        with temporary_settings({PREFECT_API_AUTH_STRING: "team:secret"}):
            assert why_no_prefect(closed) is None

    def test_a_server_that_never_says_a_word_is_given_up_in_time(self, silent):
        assert why_no_prefect(f"http://{silent}", patience=0.2) == "nothing came within 0.2 s"

    def test_a_closed_port_and_a_host_without_a_name_are_unreachable(self):
        assert "refused" in why_no_prefect("http://127.0.0.1:1")
        assert why_no_prefect("http://no-such-host.invalid")


class TestWhyNoMlflow:
    """Whether MLflow can be used is known within a set time, where its client would try for minutes."""

    def test_a_server_is_mlflow_where_its_api_answers(self, answering):
        assert why_no_mlflow(f"http://{answering}/other") is None

    def test_a_name_and_a_password_in_the_address_are_sent(self, answering):
        assert why_no_mlflow(f"http://team:secret@{answering}/closed") is None

    def test_a_server_that_is_another_is_told_apart(self, answering):
        assert "no MLflow" in why_no_mlflow(f"http://{answering}")

    def test_a_server_that_never_says_a_word_is_given_up_in_time(self, silent):
        assert why_no_mlflow(f"http://{silent}", patience=0.2) == "nothing came within 0.2 s"

    def test_a_database_is_asked_for_its_port_first(self):
        assert "refused" in why_no_mlflow("postgresql://u:p@127.0.0.1:1/mlflow")

    def test_a_driver_that_is_not_installed_is_named_with_what_installs_it(self, silent):
        assert "pip install" in why_no_mlflow(f"mysql+mysqldb://u:p@{silent}/mlflow")

    def test_an_sqlite_file_may_be_new_and_must_be_one(self, tmp_path):
        assert why_no_mlflow(f"sqlite:///{tmp_path}/new folder/mlflow.db") is None
        (tmp_path / "text").write_text("no database, and longer than the hundred bytes of a header" * 3)
        assert why_no_mlflow(f"sqlite:///{tmp_path}/text") == "file is not a database"
        assert "unable to open" in why_no_mlflow(f"sqlite:///{tmp_path}")
        assert "cannot be made" in why_no_mlflow(f"sqlite:///{tmp_path}/text/mlflow.db")

    def test_a_folder_is_refused_unless_mlflow_was_told_to_take_it(self, monkeypatch):
        assert "a folder" in why_no_mlflow("runs/mlruns")
        assert "a folder" in why_no_mlflow("file:///runs/mlruns")
        monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        assert why_no_mlflow("runs/mlruns") is None

    def test_what_only_its_client_knows_is_not_asked(self):
        assert why_no_mlflow("databricks") is None
        assert why_no_mlflow("databricks://profile") is None


class TestWhyNoPort:
    """A cluster or a database listens, or it does not."""

    def test_a_cluster_is_asked_for_its_port(self, silent):
        assert why_no_port(f"tcp://{silent}") is None
        assert why_no_port(silent) is None
        assert "refused" in why_no_port("127.0.0.1:1")
        assert "refused" in why_no_port("ray://127.0.0.1:1")

    def test_an_address_that_names_no_host_is_not_asked(self):
        assert why_no_port("auto") is None


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
        monkeypatch.setattr(servers, "PATIENCE", -0.9)
        monkeypatch.setattr(servers, "why_no_prefect", lambda uri: never.wait())
        monkeypatch.setenv("PREFECT_API_URL", "http://no-such-host.invalid/api")
        with pytest.raises(RunnerError, match="does not answer"):
            require_servers(parse_study(study()))
        never.set()

    def test_what_is_waited_for_is_less_than_10_seconds(self):
        assert servers.PATIENCE + 1 < 10

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

    def test_a_folder_cannot_be_used_and_the_message_says_what_can(self, monkeypatch):
        monkeypatch.delenv("PREFECT_API_URL", raising=False)
        with pytest.raises(RunnerError, match="cannot be used") as wrong:
            require_servers(parse_study(study(tracking={"uri": "mlruns"})))
        assert "sqlite:///runs/mlflow.db" in str(wrong.value)

    def test_a_password_is_hidden_and_nothing_else(self):
        assert without_password("http://u:p@h:1/p") == "http://u:***@h:1/p"
        assert without_password("http://h:1/api") == "http://h:1/api"
