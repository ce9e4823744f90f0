from __future__ import annotations

import json
import socket

import pytest

from flows.pages import serve_pages
from spex_data.errors import RunnerError, SeveralErrors
from tasks.tracking_addresses import remove_pages_card, write_pages_card


@pytest.fixture
def taken():
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


class TestPorts:
    """A port that is taken is named before any server is started."""

    def test_one_that_is_taken_is_named_by_its_option_and_nothing_is_begun(self, tmp_path, taken):
        with pytest.raises(RunnerError) as wrong:
            serve_pages(tmp_path / "runs", prefect_port=taken, mlflow_port=0)
        assert wrong.value.where == f"--prefect-port {taken}"
        assert not (tmp_path / "runs").exists()

    def test_both_are_named_at_once(self, tmp_path, taken):
        with pytest.raises(SeveralErrors) as wrong:
            serve_pages(tmp_path / "runs", prefect_port=taken, mlflow_port=taken)
        assert len(wrong.value.errors) == 2

    def test_one_port_for_both_pages_is_refused(self, tmp_path, taken):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            free = probe.getsockname()[1]
        with pytest.raises(RunnerError) as wrong:
            serve_pages(tmp_path / "runs", prefect_port=free, mlflow_port=free)
        assert wrong.value.where == f"--mlflow-port {free}"


class TestCard:
    """Runs find the page by a card, which its own server takes away."""

    def test_ones_own_is_taken_away_and_anothers_stays(self, tmp_path):
        card = write_pages_card(tmp_path, database="sqlite:///a.db", page="http://127.0.0.1:5000")
        others = {**json.loads(card.read_text()), "pid": 1}
        remove_pages_card(card)
        assert not card.exists()
        card.write_text(json.dumps(others))
        remove_pages_card(card)
        assert card.exists()
        remove_pages_card(tmp_path / "none")
