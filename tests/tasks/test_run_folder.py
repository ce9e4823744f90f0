from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from prefect.logging import disable_run_logger

from spex_data.errors import StoreError
from spex_data.study import parse_study
from tasks.prepare import prepare
from tasks.run_folder import RunFolder
from tasks.tracking import TrackedRun
from tests.flows.conftest import study


class TestCommand:
    """What is printed to be typed again is one command, whatever the folder is called."""

    def test_a_shell_reads_it_as_it_is_meant(self):
        folder = RunFolder(Path("my runs/it's one"))
        assert shlex.split(folder.command()) == [
            *("spex-data", "run", "my runs/it's one/study.yaml"),
            *("--out", "my runs/it's one"),
        ]
        assert shlex.split(folder.command("ANOTHER"))[-1] == "ANOTHER"


class TestData:
    """A folder whose training data changed is not gone on with unasked, by whatever command."""

    def test_the_message_holds_the_command_that_reuses_what_is_valid(self, tmp_path):
        folder = RunFolder(tmp_path / "a run")
        folder.claim(parse_study(study()), update=False)
        folder.update_manifest({"hashes": {"data": "that of another file"}})
        with disable_run_logger(), pytest.raises(StoreError, match="other data") as wrong:
            prepare.fn(str(folder.directory), TrackedRun(), extend=True)
        assert f"{folder.command()} --update" in wrong.value.instead
