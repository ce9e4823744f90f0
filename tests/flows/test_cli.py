from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from mlflow import MlflowClient

from flows import environment
from spex_data.models.quiet import quietly
from spex_data.value_functions import SubsetTraining
from spex_data.values import ValueStore, read_value_table
from tests.flows.conftest import study, write_study
from tests.training.tiny_models import short_of_memory, some_examples, tiny_model


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

    @pytest.mark.parametrize("kind", ["dask", "ray"])
    def test_a_runner_that_is_not_installed_is_said_with_the_line_that_installs_it(
        self, call, tmp_path, monkeypatch, kind
    ):
        monkeypatch.setattr(environment, "find_spec", lambda name: None)
        code, _, err = call("run", write_study(tmp_path / "tiny.yaml", runner={"kind": kind}))
        assert code == 2
        assert f'pip install -c constraints.txt ".[{kind}]"' in err
        assert not (tmp_path / "runs").exists()

    def test_less_than_one_worker_is_refused(self, call, tmp_path):
        code, _, err = call("run", write_study(tmp_path / "tiny.yaml", runner={"workers": 0}))
        assert code == 2
        assert "runner.workers: is 0; write auto, or a whole number of at least 1" in err

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


def spoilt(tmp_path: Path) -> dict[str, object]:
    """A study of a checkpoint that has no number for the word "lamp", which one example of group g1 holds."""
    base, examples = tiny_model(), some_examples(n=15)
    with torch.no_grad():
        base.model.get_input_embeddings().weight[base.tokenizer("lamp")["input_ids"][1]] = torch.nan
    with quietly():
        base.model.save_pretrained(tmp_path / "model")
        base.tokenizer.save_pretrained(tmp_path / "model")
    lines = [
        {
            "prompt": text.replace("lamp", "knob"),
            "completion": out.replace("lamp", "knob"),
            "team": f"g{row % 5}",
        }
        for row, (text, out) in enumerate(zip(examples.inputs, examples.outputs, strict=True))
    ]
    lines[6]["prompt"] = "red lamp"
    columns = {"prompt": "prompt", "completion": "completion"}
    return study(
        data={"task": "causal-lm", "train": rows(tmp_path / "train.jsonl", lines), **columns},
        groups={"by": "column", "column": "team"},
        targets={"from": rows(tmp_path / "targets.jsonl", lines[:1])},
        model={"source": str(tmp_path / "model"), "device": "cpu"},
        masks={"budget": 16, "heldout": 4, "heldout_seeds": 1},
    )


class TestFaults:
    """What goes wrong with some masks does not end a study, and is said at its end."""

    def test_a_loss_that_is_no_number_fails_its_mask_with_the_cause_and_no_other(self, call, tmp_path):
        code, out, err = call("run", write_study(tmp_path / "spoilt.yaml", **spoilt(tmp_path)))
        assert code == 1, err
        table = read_value_table(tmp_path / "runs" / "tiny" / "values.parquet")
        failed = np.array([cause is not None for cause in table.causes])
        np.testing.assert_array_equal(failed, table.masks[:, 1])
        assert 4 < failed.sum() < 16
        assert all("the loss became nan in step" in cause for cause in table.causes if cause)
        np.testing.assert_array_equal(np.isnan(table.values[:, 0]), failed)
        assert f"failed    {failed.sum()} fine-tunes, the first because the loss became nan in step" in out
        assert "Traceback" not in out + err

    def test_memory_that_runs_out_is_said_written_down_and_reused(self, call, tmp_path, monkeypatch):
        training = {"epochs": 1, "batch_size": 16, "learning_rate": 0.005, "adapters_per_pass": 4}
        masks = {"budget": 18, "heldout": 2, "heldout_seeds": 1}
        config = write_study(tmp_path / "tiny.yaml", training=training, masks=masks)
        seen: list[tuple[int, int]] = []
        with monkeypatch.context() as short:
            short_of_memory(short, lambda adapters, rows: adapters > 2, torch.OutOfMemoryError(), seen)
            code, out, err = call("run", config)
        assert code == 0, err
        assert [size for size, _ in seen].count(4) == 1
        assert "memory    ran out: 4, then 2 adapters to a pass" in out
        manifest = json.loads((tmp_path / "runs" / "tiny" / "manifest.json").read_text())
        assert (manifest["adapters_per_pass"], manifest["adapters_per_pass_used"]) == (2, [4, 2])
        seen.clear()
        short_of_memory(monkeypatch, lambda adapters, rows: False, torch.OutOfMemoryError(), seen)
        code, _, err = call("run", config, "--set", "masks.budget=22", "--update")
        assert code == 0, err
        assert {size for size, _ in seen} == {2}


class TestPlan:
    """`spex-data plan` says what a study costs and writes nothing."""

    def test_it_prints_a_table_of_80_columns_and_leaves_no_file(self, call, tmp_path, monkeypatch):
        monkeypatch.setenv("COLUMNS", "80")
        config = write_study(tmp_path / "tiny.yaml")
        code, out, err = call("plan", config)
        assert code == 0, err
        assert "tiny: 26 fine-tunes" in out
        assert "one at a time" in out
        assert max(map(len, out.splitlines())) <= 80
        assert [path.name for path in tmp_path.iterdir()] == ["tiny.yaml"]

    def test_what_is_measured_already_costs_nothing_and_the_size_of_a_pass_is_kept(
        self, call, tmp_path, plain_run
    ):
        config = write_study(tmp_path / "tiny.yaml", masks={"budget": 20, "heldout": 4, "heldout_seeds": 2})
        code, out, err = call("plan", config, "--out", str(plain_run), "--json")
        assert code == 0, err
        found = json.loads(out)
        assert (found["fine_tunes"], found["missing"]) == (28, 2)
        manifest = json.loads((plain_run / "manifest.json").read_text())
        assert found["adapters_per_pass"] == manifest["adapters_per_pass"]
        assert found["engine"]["seconds"] > 2 * found["engine"]["measuring_seconds_a_mask"]
        assert found["disk_bytes"] > 0

    def test_wrong_input_is_said_as_by_run(self, call, tmp_path):
        wrong = own_data(tmp_path, lora={"target_modules": ["query"]})
        code, _, err = call("plan", write_study(tmp_path / "wrong.yaml", **wrong))
        assert code == 2
        assert "q_proj" in err


class TestPassSize:
    """How many adapters share a pass is decided before the first value and kept from then on."""

    def test_what_the_probe_chose_is_written_down_before_the_first_value(self, call, tmp_path, monkeypatch):
        at_first: list[object] = []
        right = ValueStore.append

        def append(store: ValueStore, records: object) -> Path:
            manifest = json.loads((store.directory.parent / "manifest.json").read_text())
            at_first.append(manifest["adapters_per_pass"])
            return right(store, records)

        monkeypatch.setattr(ValueStore, "append", append)
        config = write_study(tmp_path / "tiny.yaml", masks={"budget": 18, "heldout": 2, "heldout_seeds": 1})
        assert call("run", config)[0] == 0
        manifest = json.loads((tmp_path / "runs" / "tiny" / "manifest.json").read_text())
        timings = manifest["adapters_per_pass_probe"]["timings"]
        assert set(at_first) == {manifest["adapters_per_pass"]} <= {one["adapters"] for one in timings}
        # Another probe could choose otherwise; this one would.
        monkeypatch.setattr(SubsetTraining, "probe_pass_size", lambda *_, **__: 1 / 0)
        assert call("run", config, "--set", "masks.budget=20", "--update")[0] == 0
        again = json.loads((tmp_path / "runs" / "tiny" / "manifest.json").read_text())
        assert again["adapters_per_pass"] == manifest["adapters_per_pass"]


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

    def test_masks_without_a_value_are_left_out_and_counted(self, call, tmp_path):
        rows = [f"{i:04b},{i}" for i in range(14)] + ["1110,", "1111,nan"]
        (tmp_path / "v.csv").write_text("\n".join(["mask,value", *rows]) + "\n")
        code, out, err = call("recover", "v.csv", "--method", "linear", "--json")
        assert code == 0, err
        assert "left out because some target has no value: 2" in err
        assert json.loads(out)["targets"][0]["n_masks"] == 14

    def test_an_unknown_method_names_the_known(self, call, tmp_path):
        (tmp_path / "v.csv").write_text("mask,value\n" + "".join(f"{i:04b},{i}\n" for i in range(16)))
        code, _, err = call("recover", "v.csv", "--method", "oracle")
        assert code == 2
        assert "proxyspex" in err


class TestHelp:
    """Every command says what it does."""

    @pytest.mark.parametrize(
        "command", ["run", "extend", "plan", "check", "recover", "show", "diff", "report", "ui"]
    )
    def test_a_command_has_help(self, call, command):
        code, out, _ = call(command, "--help")
        assert code == 0
        assert "Usage: spex-data" in out or "Usage:" in out
