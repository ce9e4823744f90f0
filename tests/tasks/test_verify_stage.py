"""Verification as a stage, each task called by itself: no Prefect server, no tracking."""

from __future__ import annotations

import json
from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
from prefect.logging import disable_run_logger

import tasks.verify
from spex_data.masks import MeasurementPlan
from spex_data.reports import read_document
from spex_data.study import parse_study
from spex_data.values import read_value_table
from tasks.design import design
from tasks.foreign import recover_from
from tasks.measure import measure
from tasks.prepare import prepare
from tasks.recover import collect
from tasks.run_folder import RunFolder
from tasks.spans import spans
from tasks.tracking import TrackedRun
from tasks.value_function import FILTERED, VERIFY
from tasks.verify import judge_verification, plan_rows, plan_verification
from tests.flows.conftest import study

PAIR = (0, 1)


@pytest.fixture
def run_copy(tmp_path) -> RunFolder:
    """A measured run that may retrain as much as its study trained."""
    folder, tracked = RunFolder(tmp_path / "run"), TrackedRun()
    verify = {"share": 1.0, "backgrounds": 4, "full": 0}
    folder.claim(parse_study(study(verify=verify)), update=False)
    with disable_run_logger():
        planned = design.fn(str(folder.directory), prepare.fn(str(folder.directory), tracked), tracked)
        for span in spans(planned.chunks):
            measure.fn(str(folder.directory), span)
        collect.fn(str(folder.directory), 0, tracked)
    return folder


def claiming(recovery, predicted):
    """The recovery, its first target claiming one pair and nothing else."""
    document = json.loads(json.dumps(recovery.interactions))
    for number, target in enumerate(document["targets"]):
        entry = {**target["interactions"][0], "members": list(PAIR), "order": 2, "value": predicted}
        target["interactions"] = [{**entry, "ci": None, "reported": True}] if number == 0 else []
    return replace(recovery, interactions=document)


def one_failed(stored):
    """What the store holds, but that the first fine-tune of verification failed."""

    def look_up(folder, plan):
        known, values, causes = stored(folder, plan)
        values[0] = np.nan
        return known, values, ["the loss became nan", *causes[1:]]

    return look_up


class TestStage:
    """Corners are retrained by the same road, into the same store, and the verdicts reach every file."""

    def test_a_claim_is_retrained_once_and_verdicts_and_failures_are_in_the_documents(
        self, run_copy, monkeypatch
    ):
        directory, tracked = str(run_copy.directory), TrackedRun()
        recovery = claiming(
            recover_from(run_copy.directory, method="linear", max_order=2, top=20), predicted=50.0
        )
        with disable_run_logger():
            planned = plan_verification.fn(directory, recovery, tracked)
            assert planned.note is None
            assert planned.total <= 26
            for span in spans(planned.chunks):
                measure.fn(directory, span)
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
        assert (document["failed"], document["cause"]) == (0, None)
        monkeypatch.setattr(tasks.verify, "_stored", one_failed(tasks.verify._stored))
        with disable_run_logger():
            told = judge_verification.fn(directory, recovery, again, tracked).interactions["verification"]
        assert (told["failed"], told["cause"]) == (1, "the loss became nan")
        (claim,) = [one for one in read_document(run_copy.verification)["tests"] if one["role"] == "claim"]
        assert claim["backgrounds"] == 3

    def test_rows_of_two_schedules_in_one_chunk_are_measured_apart_and_called_apart(
        self, run_copy, monkeypatch
    ):
        plan = MeasurementPlan(np.eye(8, 16, dtype=bool), np.arange(8), (VERIFY,) * 5 + (FILTERED,) * 3)
        monkeypatch.setattr(tasks.verify, "verification_plan", lambda asked: plan)
        planned = plan_rows(run_copy, Mock(hypotheses=("one",)), run_copy.verify_masks)
        assert [chunk.rows for chunk in planned.chunks] == [(0, 1, 2, 3, 4), (5, 6, 7)]
        assert [span.name for span in spans(planned.chunks)] == ["verify 0-4", "verify 5-7"]
