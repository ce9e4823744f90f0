from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from mlflow import MlflowClient
from peft import PeftModel

from spex_data.embedded import demo_world, embedded_base_model
from spex_data.evaluation import evaluate_targets
from spex_data.masks import mask_key
from spex_data.training import AdapterBank
from spex_data.values import ValueTable, read_value_table
from tests.flows.conftest import COMMAND, write_study, write_world

TOLERANCE = 2e-3
"""Between pass sizes and workers, in log-odds; the spread between seeds is some 300 times as large."""


def by_content(table: ValueTable) -> dict[tuple[str, int], np.ndarray]:
    return {(mask_key(m), int(s)): v for m, s, v in zip(table.masks, table.seeds, table.values, strict=True)}


class TestRun:
    """`spex-data run` measures, decodes and reports a study, and says where everything is."""

    def test_a_run_leaves_every_file_of_a_run(self, plain_run):
        for name in ("study.yaml", "manifest.json", "groups.parquet", "masks.parquet", "values.parquet"):
            assert (plain_run / name).is_file(), name
        for name in ("interactions.json", "faithfulness.json", "report.html", "figures/effects.png"):
            assert (plain_run / name).stat().st_size > 200, name
        assert "report.html" in (plain_run.parents[1] / "stdout.txt").read_text()

    def test_the_same_command_again_trains_nothing_and_leaves_the_values_as_they_are(
        self, spex_data, tmp_path, plain_run
    ):
        run = Path(shutil.copytree(plain_run, tmp_path / "runs" / "tiny"))
        parts = {path.name: path.stat().st_mtime_ns for path in (run / "values").iterdir()}
        second = spex_data("run", write_study(tmp_path / "tiny.yaml"))
        assert second.returncode == 0, second.stderr
        assert "26 of 26 were measured before" in second.stdout
        assert {path.name: path.stat().st_mtime_ns for path in (run / "values").iterdir()} == parts
        assert (run / "values.parquet").read_bytes() == (plain_run / "values.parquet").read_bytes()
        states = [run["state"] for run in json.loads((run / "manifest.json").read_text())["executions"]]
        assert states == ["finished", "finished"]

    def test_mlflow_has_one_run_an_execution_with_children_for_chunks_and_decoder(self, plain_run):
        execution = json.loads((plain_run / "manifest.json").read_text())["executions"][0]
        client = MlflowClient(execution["mlflow_uri"])
        run = client.get_run(execution["mlflow_run_id"])
        assert run.info.status == "FINISHED"
        assert run.data.params["masks.budget"] == "18"
        assert run.data.tags["prefect.flow_run_id"] == execution["prefect_flow_run_id"]
        assert {data.dataset.name for data in run.inputs.dataset_inputs} == {"embedded", "groups"}
        assert run.data.tags["prefect.url"].startswith("http")
        points = client.get_metric_history(run.info.run_id, "fine_tunes")
        assert [point.step for point in points] == [8, 16, 24, 26]
        children = client.search_runs(
            [run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run.info.run_id}'"
        )
        names = sorted(child.info.run_name for child in children)
        assert names[0] == "decode: lasso"
        assert names[1:] == ["masks 0-7", "masks 16-23", "masks 24-25", "masks 8-15"]
        artifacts = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
        assert {"interactions.json", "values.parquet", "report.html", "figures"} <= artifacts

    def test_a_killed_run_resumes_and_its_values_are_those_of_an_undisturbed_one(
        self, spex_data, environment, prefect_server, tmp_path
    ):
        # Two runs from scratch probe for themselves; the same bits need the same size of a pass.
        training = {"epochs": 1, "batch_size": 16, "learning_rate": 0.005, "adapters_per_pass": 2}
        runner = {"kind": "inline", "chunk": 2}
        config = write_study(tmp_path / "tiny.yaml", training=training, runner=runner)
        undisturbed = spex_data("run", config, "--out", "whole")
        assert undisturbed.returncode == 0, undisturbed.stderr
        env = {**environment, "PREFECT_API_URL": prefect_server}
        process = subprocess.Popen(
            [COMMAND, "run", config, "--out", "killed"], cwd=tmp_path, env=env, stdout=subprocess.DEVNULL
        )
        parts = tmp_path / "killed" / "values"
        while process.poll() is None and len(list(parts.glob("part-*.parquet"))) < 3:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        before = {path.name: path.stat().st_mtime_ns for path in parts.glob("part-*.parquet")}
        assert 3 <= len(before) < 13
        resumed = spex_data("run", config, "--out", "killed")
        assert resumed.returncode == 0, resumed.stderr
        after = {path.name: path.stat().st_mtime_ns for path in parts.glob("part-*.parquet")}
        assert before.items() <= after.items()
        assert len(after) == 13
        assert (tmp_path / "killed/values.parquet").read_bytes() == (
            tmp_path / "whole/values.parquet"
        ).read_bytes()
        states = [
            run["state"] for run in json.loads((tmp_path / "killed/manifest.json").read_text())["executions"]
        ]
        assert states == ["killed", "finished"]

    def test_an_interrupted_run_ends_with_130_and_says_how_to_resume(
        self, environment, prefect_server, tmp_path
    ):
        config = write_study(tmp_path / "tiny.yaml", runner={"kind": "inline", "chunk": 1})
        env = {**environment, "PREFECT_API_URL": prefect_server}
        process = subprocess.Popen(
            [COMMAND, "run", config], cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True
        )
        parts = tmp_path / "runs" / "tiny" / "values"
        while process.poll() is None and not list(parts.glob("part-*.parquet")):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 130, err
        assert f"spex-data run {config}" in err
        assert "Traceback" not in err
        manifest = json.loads((tmp_path / "runs" / "tiny" / "manifest.json").read_text())
        assert manifest["executions"][0]["state"] == "interrupted"

    @pytest.mark.parametrize(
        "runner",
        [
            {"kind": "inline", "chunk": 5},
            {"kind": "processes", "workers": 2, "chunk": 7},
            {"kind": "threads", "workers": 2, "chunk": 13},
        ],
    )
    def test_chunks_and_workers_change_no_value(self, spex_data, tmp_path, plain_run, runner):
        done = spex_data("run", write_study(tmp_path / "other.yaml", runner=runner), "--out", "other")
        assert done.returncode == 0, done.stderr
        plain, other = (read_value_table(run / "values.parquet") for run in (plain_run, tmp_path / "other"))
        np.testing.assert_allclose(other.values, plain.values, atol=TOLERANCE)

    def test_renaming_reordering_and_other_files_change_no_value(self, spex_data, tmp_path):
        tables = []
        for out, rename, reverse in (
            ("plain", str, False),
            ("moved", lambda name: f"team {hash(name) % 3}: {name[::-1]}", True),
        ):
            (tmp_path / out).mkdir()
            sections = write_world(tmp_path / out, rename=rename, reverse=reverse)
            done = spex_data("run", write_study(tmp_path / f"{out}.yaml", **sections), "--out", f"run-{out}")
            assert done.returncode == 0, done.stderr
            tables.append(read_value_table(tmp_path / f"run-{out}" / "values.parquet"))
        plain, moved = tables
        np.testing.assert_array_equal(plain.masks, moved.masks[:, ::-1])
        np.testing.assert_allclose(plain.values, moved.values, atol=TOLERANCE)

    def test_one_more_group_reuses_the_masks_without_it_and_gives_what_a_fresh_run_gives(
        self, spex_data, tmp_path
    ):
        (tmp_path / "data").mkdir()
        small = write_world(tmp_path / "data", keep=lambda group: group != "Catalogue 7")
        training = {"epochs": 1, "batch_size": 16, "learning_rate": 0.005, "steps_per_epoch": 9}
        masks = {"budget": 40, "heldout": 4, "heldout_seeds": 1}
        config = write_study(tmp_path / "s.yaml", training=training, masks=masks, **small)
        assert spex_data("run", config, "--out", "grown").returncode == 0
        write_world(tmp_path / "data")
        refused = spex_data("run", config, "--out", "grown")
        assert refused.returncode == 2
        assert "--update" in refused.stderr
        updated = spex_data("run", config, "--out", "grown", "--update")
        assert updated.returncode == 0, updated.stderr
        fresh = spex_data("run", config, "--out", "fresh")
        assert fresh.returncode == 0, fresh.stderr
        grown = read_value_table(tmp_path / "grown" / "values.parquet")
        without = sum(not mask[-1] for mask in grown.masks)
        assert without > 10
        reused = int(updated.stdout.split(" were measured before")[0].split()[-3])
        assert reused >= without - 4
        np.testing.assert_allclose(
            grown.values, read_value_table(tmp_path / "fresh" / "values.parquet").values, atol=TOLERANCE
        )

    def test_without_a_server_the_same_command_runs(self, spex_data, tmp_path):
        done = spex_data(
            "run",
            write_study(tmp_path / "tiny.yaml"),
            PREFECT_API_URL="",
            PREFECT_HOME=str(tmp_path / "home"),
        )
        assert done.returncode == 0, done.stderr


class TestStored:
    """What a run stores can be used without it."""

    def test_a_saved_adapter_loaded_by_plain_peft_gives_the_stored_value_again(
        self, plain_run, tmp_path, environment, monkeypatch
    ):
        monkeypatch.setenv("SPEX_DATA_CACHE", environment["SPEX_DATA_CACHE"])
        bank = AdapterBank.load(min((plain_run / "adapters").glob("*.safetensors")))
        bank.export_peft(0, tmp_path / "adapter")
        base = embedded_base_model(0)
        model = PeftModel.from_pretrained(base.model, tmp_path / "adapter")
        value = evaluate_targets(model, base, demo_world(0).targets)
        stored = by_content(read_value_table(plain_run / "values.parquet"))
        np.testing.assert_allclose(value, stored[mask_key(bank.masks[0]), int(bank.seeds[0])], atol=1e-4)

    def test_groups_say_for_every_example_where_it_is(self, plain_run):
        groups = pq.read_table(plain_run / "groups.parquet")
        assert groups.num_rows == 138
        assert groups["group"].to_pylist().count(-1) == 20
