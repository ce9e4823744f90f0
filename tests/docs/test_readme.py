from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from flows.cli import cli
from spex_data.study import load_study, parse_study

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


class TestReadme:
    """What README prints can be typed."""

    def test_the_first_two_commands_are_make_demo_and_make_test(self):
        first = re.search(r"```console\n(.*?)```", README, re.S).group(1)
        assert [line.split("#")[0].strip() for line in first.splitlines()] == ["$ make demo", "$ make test"]

    def test_every_make_target_it_names_is_there(self):
        named = set(re.findall(r"(?:`|\$ )make ([a-z-]+)", README))
        assert named <= set(re.findall(r"^([a-z-]+):", MAKEFILE, re.M))

    def test_every_command_it_names_is_there_and_every_command_is_named(self):
        blocks = "".join(re.findall(r"```console\n(.*?)```", README, re.S))
        named = set(re.findall(r"spex-data ([a-z]+)", blocks))
        assert named == set(cli.commands)

    def test_the_study_it_prints_is_right(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        printed = re.search(r"```yaml\n(.*?)```", README, re.S).group(1)
        assert parse_study(yaml.safe_load(printed)).name == "my-study"


class TestConfigs:
    """Every study that comes with the project is right, and its first lines say how to run it."""

    @pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
    def test_it_is_right(self, path):
        assert load_study(path).name == path.stem

    @pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
    def test_its_first_lines_hold_the_command(self, path):
        header = "".join(line for line in path.read_text().splitlines(keepends=True) if line.startswith("#"))
        assert f"spex-data run configs/{path.name}" in header
