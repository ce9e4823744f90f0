from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from spex_data.study import load_study
from spex_data.values import ValueTable, read_value_table


@pytest.fixture
def run(plain_run, tmp_path) -> Path:
    """A copy of the smallest study's run."""
    return Path(shutil.copytree(plain_run, tmp_path / "runs" / "tiny"))


def executions(run: Path) -> list[dict[str, str]]:
    return json.loads((run / "manifest.json").read_text())["executions"]


def column(table: ValueTable, target: str) -> np.ndarray:
    return table.values[:, table.targets.index(target)]


class TestExtend:
    """A larger budget trains the masks that are missing, new targets are measured on kept adapters."""

    def test_only_what_is_missing_is_trained_and_the_run_is_then_a_study_of_that_size(
        self, call, run, tmp_path
    ):
        before = read_value_table(run / "values.parquet")
        parts = {part: part.read_bytes() for part in (run / "values").glob("part-*.parquet")}
        question = {"prompt": "The Orrn restarts with", "completion": "amber"}
        (tmp_path / "more.jsonl").write_text(json.dumps(question) + "\n")
        code, out, err = call("extend", "runs/tiny", "--masks", "20", "--targets", "more.jsonl")
        assert code == 0, err
        assert "26 of 28 have a kept adapter" in out
        assert "2 are trained" in out
        assert "28 fine-tunes, 0 of 28 were measured before, 26 on adapters kept from before" in out
        assert all(part.read_bytes() == content for part, content in parts.items())
        after = read_value_table(run / "values.parquet")
        assert after.targets == (*before.targets, "The Orrn restarts with")
        np.testing.assert_array_equal(after.masks[:26], before.masks)
        np.testing.assert_array_equal(after.values[:26, :5], before.values)
        assert not np.isnan(column(after, "The Orrn restarts with")).any()
        study = load_study(run / "study.yaml")
        assert (study.masks.budget, study.targets.more) == (20, (str(tmp_path / "more.jsonl"),))
        code, out, err = call("run", "runs/tiny/study.yaml", "--out", "runs/tiny")
        assert code == 0, err
        assert "28 of 28 fine-tunes are valid as measured; nothing is trained" in out
        assert read_value_table(run / "values.parquet").values.tolist() == after.values.tolist()
        changed = json.loads((run / "diff.json").read_text())
        assert "study: masks.budget: 18 -> 20" in changed["differences"]

    def test_what_cannot_be_extended_is_said_before_anything_is_started(self, call, run):
        for words in (["runs/tiny"], ["runs/tiny", "--masks", "3"], ["nothing", "--masks", "40"]):
            code, _, err = call("extend", *words)
            assert code == 2
            assert err.startswith("error: ")
        assert len(executions(run)) == 1

    def test_what_is_refused_later_leaves_the_study_as_it_was(self, call, run):
        manifest = json.loads((run / "manifest.json").read_text())
        manifest["hashes"]["groups"] = "of other files"
        (run / "manifest.json").write_text(json.dumps(manifest))
        before = (run / "study.yaml").read_bytes()
        code, _, err = call("extend", "runs/tiny", "--masks", "20")
        assert code == 2
        assert "was begun with other groups than the study names now" in err
        assert (run / "study.yaml").read_bytes() == before


class TestRepeat:
    """A run is repeated from its manifest, stops when its hours are over, and says whether it agrees."""

    def test_a_repetition_that_stops_and_goes_on_agrees_bit_for_bit(self, call, run):
        words = ("run", "--from", "runs/tiny")
        code, _, err = call(*words, "--set", "runner.max_hours=0.0000001")
        assert code == 130
        assert "stopped between chunks by runner.max_hours = 1e-07: 8 of 26 fine-tunes are measured" in err
        assert "spex-data run --from runs/tiny --set runner.max_hours=0.0000001" in err
        again = run.with_name("tiny-again")
        stopped = executions(again)[0]
        assert stopped["state"] == "stopped"
        assert MlflowClient(stopped["mlflow_uri"]).get_run(stopped["mlflow_run_id"]).info.status == "KILLED"
        code, out, err = call(*words)
        assert code == 0, err
        assert "8 of 26 fine-tunes are valid as measured; 18 are trained" in out
        assert f"the values agree bit for bit with those of {run}: 130 of 130 values are equal" in out
        assert [one["state"] for one in executions(again)] == ["stopped", "finished"]
        code, out, err = call("diff", "runs/tiny", "runs/tiny-again")
        assert code == 0, err
        assert "nothing changed" in out

    def test_a_run_is_not_repeated_into_itself_nor_without_values(self, call, run):
        code, _, err = call("run", "--from", "runs/tiny", "--out", "runs/tiny")
        assert code == 2
        assert "a folder of its own" in err
        (run / "values.parquet").unlink()
        code, _, err = call("run", "--from", "runs/tiny")
        assert code == 2
        assert "nothing to repeat" in err
