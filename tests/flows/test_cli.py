from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.cli import main
from tests.flows.conftest import study, write_study

Call = Callable[..., tuple[int, str, str]]


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


def rows(path: Path, lines: list[dict[str, str]]) -> str:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


PAIRS = [
    {"prompt": f"Which button resets the Ordek{i}?", "completion": "red", "team": "ab"[i % 2], "one": "x"}
    for i in range(8)
]


def own_data(tmp_path: Path, **changes: object) -> dict[str, object]:
    """A study of a user's own file with one thing wrong, as `changes` say."""
    train = rows(tmp_path / "train.jsonl", PAIRS)
    return study(
        data={"task": "causal-lm", "train": train, "prompt": "prompt", "completion": "completion"},
        groups={"by": "column", "column": "team"},
        targets={"from": rows(tmp_path / "targets.jsonl", PAIRS[:1])},
        masks={"budget": 4, "heldout": 1},
        **changes,
    )


class TestBadInput:
    """Wrong input ends with exit code 2, one message that says what to write instead, and no traceback."""

    @pytest.mark.parametrize(
        ("section", "says"),
        [
            ({"data": {"completion": "answer"}}, "answer"),
            ({"groups": {"column": "one"}}, "only one group"),
            ({"groups": {"column": "squad"}}, "squad"),
            ({"masks": {"budget": 3}}, "at least 4"),
            ({"lora": {"target_modules": ["query"]}}, "q_proj"),
            ({"model": {"source": "nobody/nothing-of-this-name"}}, "local"),
            ({"groups": {"by": "list", "file": "groups.json", "column": None}}, "is empty"),
            ({"targets": {"where": {"team": ["z"]}}}, "z"),
        ],
    )
    def test_it_is_said_in_one_message(self, call, tmp_path, section, says):
        (tmp_path / "groups.json").write_text(json.dumps({"all": list(range(8)), "none": []}))
        wrong = own_data(tmp_path)
        for name, changes in section.items():
            wrong[name] = {
                key: value for key, value in {**wrong[name], **changes}.items() if value is not None
            }
        code, _, err = call("run", write_study(tmp_path / "wrong.yaml", **wrong))
        assert code == 2
        assert err.startswith("error: ")
        assert says in err
        assert "Traceback" not in err

    def test_a_model_path_without_weights_is_named(self, call, tmp_path):
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "config.json").write_text('{"model_type": "llama"}')
        wrong = own_data(tmp_path)
        wrong["model"] = {"source": str(tmp_path / "model")}
        code, _, err = call("run", write_study(tmp_path / "wrong.yaml", **wrong))
        assert code == 2
        assert str(tmp_path / "model") in err

    def test_a_run_that_fails_is_failed_in_mlflow_and_in_the_manifest(self, call, tmp_path):
        wrong = own_data(tmp_path)
        wrong["groups"] = {"by": "column", "column": "one"}
        call("run", write_study(tmp_path / "wrong.yaml", **wrong))
        execution = json.loads((tmp_path / "runs/tiny/manifest.json").read_text())["executions"][0]
        assert execution["state"] == "failed"
        run = MlflowClient(execution["mlflow_uri"]).get_run(execution["mlflow_run_id"])
        assert run.info.status == "FAILED"

    def test_a_target_without_tokens_is_named(self, call, tmp_path):
        wrong = own_data(tmp_path)
        wrong["targets"] = {"from": rows(tmp_path / "t.jsonl", [{"prompt": "Why?", "completion": " "}])}
        code, _, err = call("run", write_study(tmp_path / "wrong.yaml", **wrong))
        assert code == 2
        assert "completion" in err

    def test_every_error_of_a_config_comes_at_once(self, call, tmp_path):
        wrong = study(masks={"budgets": 10}, training={"epochs": 0})
        code, _, err = call("check", write_study(tmp_path / "wrong.yaml", **wrong))
        assert code == 2
        assert "masks.budgets" in err
        assert "masks.budget" in err.replace("masks.budgets", "")
        assert "training.epochs" in err

    def test_a_server_that_does_not_answer_is_named_at_the_start(self, call, tmp_path, monkeypatch):
        monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
        code, _, err = call("run", write_study(tmp_path / "tiny.yaml"))
        assert code == 2
        assert "PREFECT_API_URL = http://127.0.0.1:1/api" in err

    def test_a_tracking_server_that_does_not_answer_is_named(self, call, tmp_path):
        config = write_study(tmp_path / "tiny.yaml", tracking={"uri": "http://127.0.0.1:1"})
        code, _, err = call("run", config)
        assert code == 2
        assert "tracking.uri = http://127.0.0.1:1" in err

    def test_a_folder_of_another_study_is_left_alone_and_the_difference_is_said(self, call, tmp_path):
        (tmp_path / "run").mkdir()
        call("run", write_study(tmp_path / "a.yaml", masks={"budget": 2}), "--out", "run")
        before = (tmp_path / "run" / "study.yaml").read_bytes()
        code, _, err = call("run", write_study(tmp_path / "b.yaml", training={"epochs": 2}), "--out", "run")
        assert code == 2
        assert "training.epochs: 1 -> 2" in err
        assert (tmp_path / "run" / "study.yaml").read_bytes() == before

    def test_an_out_folder_that_cannot_be_made_is_said(self, call, tmp_path):
        (tmp_path / "file").write_text("")
        code, _, err = call("run", write_study(tmp_path / "tiny.yaml"), "--out", "file/run")
        assert code == 2
        assert "--out" in err

    def test_a_full_disk_is_said_and_the_run_resumes(self, call, tmp_path, monkeypatch):
        config = write_study(tmp_path / "tiny.yaml")
        real = os.fsync

        def full(file: int) -> None:
            if any((tmp_path / "run" / "values").glob("part-*.parquet")):
                raise OSError(28, "No space left on device")
            real(file)

        monkeypatch.setattr("os.fsync", full)
        code, _, err = call("run", config, "--out", "run")
        assert code == 2
        assert "No space left on device" in err
        monkeypatch.setattr("os.fsync", real)
        code, out, err = call("run", config, "--out", "run")
        assert code == 0, err
        assert "8 of 26 were measured before" in out

    @pytest.mark.parametrize(
        "words", [["show", "nothing"], ["recover", "nothing.csv"], ["run", "nothing.yaml"]]
    )
    def test_what_is_not_there_is_named(self, call, words):
        code, _, err = call(*words)
        assert code == 2
        assert "nothing" in err


class TestRun:
    """A study may use the demo's parts in its own way."""

    def test_the_demos_examples_in_other_groups_run_and_show_no_planted_truth(self, call, tmp_path):
        own = study(groups={"by": "kmeans", "k": 4}, masks={"budget": 8, "heldout": 2, "heldout_seeds": 1})
        code, out, err = call("run", write_study(tmp_path / "own.yaml", **own))
        assert code == 0, err
        assert "10 fine-tunes" in out
        assert "planted" not in out


class TestRecover:
    """`spex-data recover` decodes anyone's table."""

    def test_a_table_of_masks_and_values_gives_its_planted_pair(self, call, tmp_path):
        masks = np.random.default_rng(0).random((200, 10)) < 0.5
        values = 3.0 * masks[:, 2] + 5.0 * (masks[:, 4] & masks[:, 7])
        lines = [f"{''.join('01'[b] for b in m)},{v}" for m, v in zip(masks.astype(int), values, strict=True)]
        (tmp_path / "v.csv").write_text("mask,value\n" + "\n".join(lines) + "\n")
        code, out, err = call("recover", "v.csv", "--json", "--out", "found.json")
        assert code == 0, err
        found = json.loads(out)["targets"][0]["interactions"]
        pair = next(one for one in found if one["order"] == 2)
        assert pair["members"] == [4, 7]
        assert pair["value"] == pytest.approx(5.0, abs=0.2)
        assert json.loads((tmp_path / "found.json").read_text()) == json.loads(out)

    def test_an_unknown_method_names_the_known(self, call, tmp_path):
        (tmp_path / "v.csv").write_text("mask,value\n" + "".join(f"{i:04b},{i}\n" for i in range(16)))
        code, _, err = call("recover", "v.csv", "--method", "oracle")
        assert code == 2
        assert "proxyspex" in err


class TestHelp:
    """Every command says what it does."""

    @pytest.mark.parametrize("command", ["run", "check", "recover", "show", "report", "ui"])
    def test_a_command_has_help(self, call, command):
        code, out, _ = call(command, "--help")
        assert code == 0
        assert "Usage: spex-data" in out or "Usage:" in out
