from __future__ import annotations

import csv
import json
import shlex
import shutil
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
import pytest

from tests.docs.test_commands import PRINTED, USES_COMMANDS
from tests.flows.conftest import write_study

STANDS_FOR = {
    "configs/banking77.yaml": "tiny.yaml",
    "configs/demo.yaml": "tiny.yaml",
    "runs/banking77": "runs/tiny",
    "runs/demo": "runs/tiny",
    "512": "20",
    "12": "2",
}
TRAINS = {"run", "plan", "verify", "extend"}
STAYS = "ui"
CONFIGS = Path(__file__).parents[2] / "configs"


def quick(command: str) -> list[str]:
    """A command of README or docs as it is typed, with the smallest study in the place of its own."""
    words = shlex.split(command)[1:]
    if "tiny.yaml" in map(STANDS_FOR.get, words):
        words = words[:2]  # its --set name files of the other study
    return [STANDS_FOR.get(word, word) for word in words]


@pytest.fixture
def home(plain_run, tmp_path) -> Path:
    """A folder with all that the printed commands name: studies, runs, files of one's own."""
    for name in ("tiny", "monday", "tuesday"):
        shutil.copytree(plain_run, tmp_path / "runs" / name)
    write_study(tmp_path / "tiny.yaml")
    shutil.copytree(CONFIGS, tmp_path / "configs")
    table = pyarrow.parquet.read_table(plain_run / "values.parquet")
    pyarrow.csv.write_csv(table, tmp_path / "values.csv")
    (tmp_path / "more.jsonl").write_text(
        json.dumps({"prompt": "The Orrn restarts with", "completion": "amber"}) + "\n"
    )
    with (tmp_path / "train.csv").open("w", newline="") as file:
        rows = [[f"question {number} of {topic}", topic] for topic in "abcd" for number in range(12)]
        csv.writer(file).writerows([["text", "label"], *rows])
    return tmp_path


class TestReadmeCommands:
    """What README and docs say to type runs: on the smallest study in the place of the one that it names."""

    @pytest.mark.parametrize(
        "command",
        [
            pytest.param(command, marks=[pytest.mark.slow] if command.split()[1] in TRAINS else [])
            for command in PRINTED
            if command.split()[1] != STAYS
        ],
    )
    def test_it_exits_with_0_and_says_something(self, call, home, command):
        assert home.is_dir()
        code, out, err = call(*quick(command))
        assert code == 0, err
        assert out.strip()


class TestUsesCommands:
    """What docs/uses.md says to type answers its question: on the smallest study, with two seeds."""

    @pytest.mark.slow
    @pytest.mark.parametrize("command", [one for one in USES_COMMANDS if " verify " in one])
    def test_it_says_what_is_left_without_each_group_and_by_how_much_it_changed(self, call, home, command):
        assert home.is_dir()
        code, out, err = call(*quick(command))
        assert code == 0, err
        names = shlex.split(command)[shlex.split(command).index("--groups") + 1].split(",")
        said = " ".join(out.split())
        for name in names:
            assert f"without {name}" in said
        assert "over 2 seeds" in said
