from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import pytest

from flows.cli import cli

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


def commands(text: str) -> list[str]:
    """The commands in a text that start a line or follow a prompt, without the words that explain them."""
    lines = re.findall(r"^(?:\$ |# (?:Run it with: +)?|# +)(?:[A-Z_]+=\S+ )*(spex-data [^\n]+)", text, re.M)
    return [re.split(r"\s{2,}|\s#|\s\(", line)[0].strip() for line in lines]


def parse(command: str) -> dict[str, object]:
    """What a command would be run with, read from its words as it reads them; runs nothing."""
    _, name, *words = shlex.split(command)
    return cli.commands[name].make_context(name, words).params


def flat(values: Iterable[object]) -> Iterator[object]:
    """Values, and those in tuples."""
    for value in values:
        yield from flat(value) if isinstance(value, tuple) else (value,)


def printed(page: Path) -> list[str]:
    """The commands in the blocks of a page that show what is typed."""
    return commands("".join(re.findall(r"```console\n(.*?)```", page.read_text(), re.S)))


USES_COMMANDS = printed(ROOT / "docs" / "uses.md")
PRINTED = list(dict.fromkeys(command for page in PAGES for command in printed(page)))


class TestTypedCommands:
    """Every command that README, docs or a study's first lines print is read without an error."""

    @pytest.mark.parametrize("command", PRINTED)
    def test_a_printed_command_has_the_options_and_arguments_it_is_given(self, command):
        words = [word for word in shlex.split(command)[2:] if not word.startswith("-")]
        given = [str(value) for value in flat(parse(command).values())]
        assert [word for word in words if word not in given] == []

    @pytest.mark.parametrize("command", USES_COMMANDS)
    def test_a_command_of_the_uses_is_read(self, command):
        assert parse(command)["run_dir"] == "runs/demo"

    @pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
    def test_the_commands_of_a_study_are_read(self, path):
        header = "".join(line for line in path.read_text().splitlines(keepends=True) if line.startswith("#"))
        found = commands(header)
        assert found
        for command in found:
            parse(command)

    def test_a_wrong_option_is_noticed(self):
        with pytest.raises(click.NoSuchOption):
            parse("spex-data show runs/demo --tarte x")
