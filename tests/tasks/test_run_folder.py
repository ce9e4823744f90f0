from __future__ import annotations

import shlex
from pathlib import Path

from tasks.run_folder import RunFolder


class TestCommand:
    """What is printed to be typed again is one command, whatever the folder is called."""

    def test_a_shell_reads_it_as_it_is_meant(self):
        folder = RunFolder(Path("my runs/it's one"))
        assert shlex.split(folder.command()) == [
            *("spex-data", "run", "my runs/it's one/study.yaml"),
            *("--out", "my runs/it's one"),
        ]
        assert shlex.split(folder.command("ANOTHER"))[-1] == "ANOTHER"
