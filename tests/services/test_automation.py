from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.flows.conftest import COMMAND, write_study

pytestmark = pytest.mark.services


class TestNotify:
    """A study that fails is told to whoever `python -m flows.notify` was given."""

    @pytest.fixture
    def webhook(self):
        told: list[str] = []
        there = threading.Event()

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
                self.send_response(200)
                self.end_headers()
                there.set()

            def log_message(self, *words: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Hook)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", told, there
        server.shutdown()

    def test_the_webhook_hears_which_study_and_why(self, webhook, prefect_server, environment, tmp_path):
        url, told, there = webhook
        env = {**environment, "PREFECT_API_URL": prefect_server}
        made = subprocess.run(
            [sys.executable, "-m", "flows.notify", url], capture_output=True, text=True, env=env, timeout=120
        )
        assert made.returncode == 0, made.stderr
        config = write_study(
            tmp_path / "tiny.yaml", name="doomed", groups={"by": "column", "column": "nothing"}
        )
        failed = subprocess.run(
            [COMMAND, "run", config], capture_output=True, text=True, env=env, cwd=tmp_path
        )
        assert failed.returncode == 2
        assert there.wait(60)
        assert told[0].startswith("study doomed failed: ")
        assert "groups.column" in told[0]
