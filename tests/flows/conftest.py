from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.cli import main
from spex_data.embedded import demo_world

COMMAND = Path(sys.executable).parent / "spex-data"
Run = Callable[..., subprocess.CompletedProcess[str]]
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def plain_run(
    environment: dict[str, str], prefect_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The smallest study, run once; tests read its folder and leave it as it is."""
    home = tmp_path_factory.mktemp("plain") / "a folder ñamed by people"
    home.mkdir()
    config = write_study(home / "tiny.yaml")
    env = {**environment, "PREFECT_API_URL": prefect_server}
    done = subprocess.run(
        [COMMAND, "run", config], capture_output=True, text=True, cwd=home, env=env, timeout=280
    )
    assert done.returncode == 0, done.stderr
    (home / "stdout.txt").write_text(done.stdout)
    return home / "runs" / "tiny"


@pytest.fixture
def call(monkeypatch, capsys, tmp_path, prefect_server, environment) -> Call:
    """Runs the command in this process, in an empty folder; (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    for name in ("SPEX_DATA_CACHE", "COLUMNS"):
        monkeypatch.setenv(name, environment[name])

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["spex-data", *words])
        with temporary_settings({PREFECT_API_URL: prefect_server}), pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return run


@pytest.fixture
def spex_data(environment: dict[str, str], prefect_server: str, tmp_path: Path) -> Run:
    """Runs the command in an empty folder, against the session's Prefect server."""

    def run(*words: str, **changes: str) -> subprocess.CompletedProcess[str]:
        env = {**environment, "PREFECT_API_URL": prefect_server, **changes}
        return subprocess.run(
            [COMMAND, *words], capture_output=True, text=True, cwd=tmp_path, env=env, timeout=280
        )

    return run


def study(**changes: object) -> dict[str, object]:
    """The smallest real study: the embedded world, its model, 18 masks and 4 held out."""
    return {
        "name": "tiny",
        "data": {"task": "causal-lm", "train": "embedded"},
        "groups": {"by": "column", "column": "group", "core": ["replay"]},
        "targets": {"from": "embedded"},
        "model": {"source": "embedded"},
        "lora": {"rank": 4, "alpha": 8, "target_modules": ["q_proj", "v_proj"]},
        "training": {"epochs": 1, "batch_size": 16, "learning_rate": 0.005},
        "masks": {"budget": 18, "heldout": 4, "heldout_seeds": 2},
        "decoding": {"method": "lasso"},
        "runner": {"kind": "inline", "chunk": 8},
        **changes,
    }


def write_study(path: Path, **changes: object) -> str:
    """Writes a study's YAML and returns its path."""
    path.write_text(yaml.safe_dump(study(**changes), sort_keys=False))
    return str(path)


def write_world(
    directory: Path,
    *,
    keep: Callable[[str], bool] = bool,
    rename: Callable[[str], str] = str,
    reverse: bool = False,
) -> dict[str, object]:
    """The embedded world's texts as a user's own files, and the sections of a study that reads them."""
    world = demo_world(0)
    groups = world.examples.columns["group"]
    rows, seen = [], set()
    for prompt, completion, group in zip(world.examples.inputs, world.examples.outputs, groups, strict=True):
        if keep(group) and (prompt, completion) not in seen:  # a repeated text is named by its place
            source = group if group == "replay" else rename(group)
            rows.append({"prompt": prompt, "completion": completion, "source": source})
        seen.add((prompt, completion))
    targets = [
        {"prompt": prompt, "completion": answer}
        for prompt, answer in zip(world.targets.inputs, world.targets.answers, strict=True)
    ]
    for name, lines in (("train", rows[::-1] if reverse else rows), ("targets", targets)):
        (directory / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return {
        "data": {
            "task": "causal-lm",
            "train": str(directory / "train.jsonl"),
            "prompt": "prompt",
            "completion": "completion",
        },
        "groups": {"by": "column", "column": "source", "core": ["replay"]},
        "targets": {"from": str(directory / "targets.jsonl")},
    }
