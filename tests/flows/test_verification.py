"""Verification of a real run: the stage, and one's own hypothesis."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from prefect.logging import disable_run_logger

from spex_data.reports import read_document
from spex_data.values import read_value_table
from tasks.foreign import recover_from
from tasks.run_folder import RunFolder
from tasks.tracking import TrackedRun
from tasks.verify import judge_verification, plan_verification, retrain

PAIR = (0, 1)


@pytest.fixture
def run_copy(plain_run, tmp_path) -> RunFolder:
    """A finished run of one's own, which may retrain as much as its study trained."""
    folder = RunFolder(Path(shutil.copytree(plain_run, tmp_path / "run")))
    study = yaml.safe_load(folder.study.read_text())
    study["verify"] |= {"share": 1.0, "backgrounds": 4, "full": 1}
    folder.study.write_text(yaml.safe_dump(study))
    return folder


def claiming(recovery, predicted):
    """The recovery, its first target claiming one pair and nothing else."""
    document = json.loads(json.dumps(recovery.interactions))
    for number, target in enumerate(document["targets"]):
        entry = {**target["interactions"][0], "members": list(PAIR), "order": 2, "value": predicted}
        target["interactions"] = [{**entry, "ci": None, "reported": True}] if number == 0 else []
    return replace(recovery, interactions=document)


class TestStage:
    """Corners are retrained by the same road, into the same store, and the verdicts reach every file."""

    def test_a_study_too_small_for_one_interaction_says_so_and_trains_nothing(self, plain_run):
        document = read_document(plain_run / "verification.json")
        assert document["tests"] == []
        assert document["fine_tunes"] == 0
        assert document["note"]

    def test_a_claim_is_retrained_once_and_its_verdict_is_in_the_documents(self, run_copy):
        directory, tracked = str(run_copy.directory), TrackedRun()
        recovery = claiming(
            recover_from(run_copy.directory, method="ridge", max_order=2, top=20), predicted=50.0
        )
        with disable_run_logger():
            planned = plan_verification.fn(directory, recovery, tracked)
            assert planned.note is None
            assert planned.total <= 26
            for chunk in planned.chunks:
                retrain.fn(directory, chunk, tracked)
            again = plan_verification.fn(directory, recovery, tracked)
            verified = judge_verification.fn(directory, recovery, again, tracked)
        assert (again.done, again.chunks) == (planned.total, ())
        document = read_document(run_copy.verification)
        (claim,) = [test for test in document["tests"] if test["role"] == "claim"]
        assert claim["backgrounds"] == 4
        assert claim["verdict"] == "refuted"  # no pair of this world adds 50 to the log-odds
        assert set(claim["scales"]) == {"log-odds", "log-prob", "probability"}
        assert document["counts"]["phantom"]["tested"] == 5
        assert verified.interactions["targets"][0]["interactions"][0]["verified"] == "refuted"
        table = read_value_table(run_copy.values)
        assert {role: table.roles.count(role) for role in ("train", "heldout")} == {"train": 18, "heldout": 8}
        rows = [row for row, role in enumerate(table.roles) if role.startswith("verify")]
        assert len(rows) == planned.total
        assert not np.isnan(table.values[rows]).any()


class TestVerify:
    """`spex-data verify` retrains what decides one's own hypothesis."""

    def test_it_prints_cost_and_verdict_for_each_target_and_reuses_what_it_measured(
        self, spex_data, run_copy
    ):
        run = str(run_copy.directory)
        first = spex_data("verify", run, "--groups", "0,1", "--json")
        assert first.returncode == 0, first.stderr
        assert "this takes 20 fine-tunes" in first.stderr
        document = json.loads(first.stdout)
        assert [test["backgrounds"] for test in document["tests"]] == [4] * 5
        again = spex_data("verify", run, "--groups", "0,1", "--target", "redundant")
        assert again.returncode == 0, again.stderr
        assert "this takes 0 fine-tunes; 20 of 20 are measured already" in again.stdout
        assert document["tests"][0]["verdict"] in again.stdout

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (["--groups", "0"], "names 1 group"),
            (["--groups", "0,0"], "one group twice"),
            (["--groups", "0,nobody"], "no such group"),
            (["--groups", "0,1", "--target", "nothing"], "nothing"),
        ],
    )
    def test_what_a_run_does_not_have_is_named_with_what_it_has(self, spex_data, plain_run, words, told):
        done = spex_data("verify", str(plain_run), *words)
        assert done.returncode == 2
        assert told in done.stderr
        assert "Traceback" not in done.stderr
