from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import click
import click.testing
import pyarrow as pa
import pyarrow.parquet
import pytest

from flows.cli import cli
from spex_data.errors import ConfigError, DataError
from spex_data.study import load_study

ROWS = [{"text": f"question {row}", "topic": f"topic {row % 5}"} for row in range(60)]


@pytest.fixture
def invoke(monkeypatch, tmp_path):
    """Runs a command in an empty folder; what it prints, or what it raises."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> str:
        done = click.testing.CliRunner().invoke(cli, list(words), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


def write(path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(table, path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    else:
        path.write_text("text,topic\n" + "".join(f"{row['text']},{row['topic']}\n" for row in ROWS))


class TestInit:
    """`spex-data init` writes a study that is right as it is, and never over another file."""

    @pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
    def test_what_it_writes_passes_check(self, invoke, tmp_path, suffix):
        write(tmp_path / f"own.{suffix}")
        printed = invoke("init", f"own.{suffix}")
        assert printed.splitlines()[-1] == "next      spex-data plan own.yaml"
        assert load_study("own.yaml", ()).groups.column == "topic"
        assert "own.yaml: fine" in invoke("check", "own.yaml")

    def test_a_file_that_is_there_is_left_as_it_is(self, invoke, tmp_path):
        write(tmp_path / "own.csv")
        (tmp_path / "own.yaml").write_text("mine")
        with pytest.raises(ConfigError, match=r"own\.yaml: is there already.*--out"):
            invoke("init", "own.csv")
        assert (tmp_path / "own.yaml").read_text() == "mine"

    def test_json_is_all_of_stdout(self, invoke, tmp_path):
        write(tmp_path / "own.csv")
        assert json.loads(invoke("init", "own.csv", "--json"))["groups"]["count"] == 5
        assert json.loads(invoke("check", "own.yaml", "--json"))["fine"]

    def test_a_test_file_without_the_columns_is_refused_before_anything_is_written(self, invoke, tmp_path):
        write(tmp_path / "own.csv")
        (tmp_path / "test.csv").write_text("text,subject\na,b\n")
        with pytest.raises(DataError, match="'topic'"):
            invoke("init", "own.csv", "--test", "test.csv")
        assert not (tmp_path / "own.yaml").exists()

    def test_no_line_is_wider_than_80_columns(self, invoke, tmp_path):
        write(tmp_path / "own.csv")
        assert max(map(len, invoke("init", "own.csv").splitlines())) <= 80


class TestFilters:
    """`spex-data show` shows what is asked for; what is not known is refused with what is."""

    DOCUMENT: ClassVar = {
        "targets": [
            {
                "name": "a",
                "interactions": [
                    {"order": 1, "value": 2.0, "kind": None},
                    {"order": 1, "value": -2.0, "kind": None},
                    {"order": 2, "value": -1.0, "kind": "redundant"},
                ],
            },
            {"name": "b", "interactions": [{"order": 1, "value": 0.0, "kind": None}]},
        ]
    }

    @pytest.mark.parametrize(
        ("asked", "left"),
        [
            ({"order": 2}, {"a": [-1.0]}),
            ({"kind": "redundant"}, {"a": [-1.0]}),
            ({"kind": "hurts"}, {"a": [-2.0]}),
            ({"kind": "antidote"}, {}),
            ({"target": "b"}, {"b": [0.0]}),
            ({"target": "b", "order": 2}, {}),
            ({}, {"a": [2.0, -2.0, -1.0], "b": [0.0]}),
        ],
    )
    def test_it_leaves_what_was_asked_for(self, asked, left):
        from flows.filters import selected

        found = selected(self.DOCUMENT, **asked)["targets"]
        assert {one["name"]: [each["value"] for each in one["interactions"]] for one in found} == left

    @pytest.mark.parametrize(
        ("asked", "says"),
        [
            ({"target": "c"}, "--target: is 'c'; write one of a, b"),
            ({"order": 3}, "--order: is 3; write one of 1, 2"),
            ({"kind": "redundnat"}, "--kind: is 'redundnat'; write one of complementary, redundant"),
        ],
    )
    def test_a_wrong_one_names_the_known(self, asked, says):
        from flows.filters import selected

        with pytest.raises(ConfigError) as error:
            selected(self.DOCUMENT, **asked)
        assert str(error.value).startswith(says)


class TestJson:
    """Every command that prints a result can print it as JSON."""

    def test_only_the_command_that_serves_pages_cannot(self):
        without = {name for name, one in cli.commands.items() if "--json" not in _options(one)}
        assert without == {"ui"}


def _options(command: click.Command) -> list[str]:
    return [word for parameter in command.params for word in parameter.opts]
