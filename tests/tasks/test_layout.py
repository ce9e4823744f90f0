from __future__ import annotations

import math

import pytest
from mlflow import MlflowClient

from spex_data.study import parse_study
from tasks.layout import record_effects, record_failed_span, record_span
from tasks.measure import Row, SpanDone
from tasks.spans import Span
from tasks.tracking import TrackedRun, child_run, end_run_left_open, start_run
from tests.flows.conftest import study
from tests.tasks.test_spans import chunks


@pytest.fixture
def run(tmp_path) -> TrackedRun:
    return start_run(parse_study(study()), tmp_path / "runs" / "tiny", {})


def children(run: TrackedRun):
    below = f"tags.`mlflow.parentRunId` = '{run.run_id}'"
    return MlflowClient(run.uri).search_runs([run.experiment_id], below)


SPAN = Span(chunks=tuple(chunks(4, size=2)[1:3]))
DONE = SpanDone(
    rows=tuple(
        Row(row=row, loss=row / 10, value=math.nan if row == 3 else float(row)) for row in range(2, 6)
    ),
    done=4,
    failed=1,
    started=1_700_000_000.0,
    seconds=8.0,
)


class TestSpansInMlflow:
    """A span is a child run that has ended, and a point on the curves of its run."""

    def test_a_span_that_ended_is_a_finished_child_with_its_own_times_and_curves(self, run):
        record_span(run, SPAN, DONE, so_far=6, failed=1)
        (child,) = children(run)
        assert (child.info.run_name, child.info.status) == ("masks 2-5", "FINISHED")
        assert (child.info.start_time, child.info.end_time) == (1_700_000_000_000, 1_700_000_008_000)
        client = MlflowClient(run.uri)
        points = client.get_metric_history(child.info.run_id, "value.mean")
        assert [(point.step, point.value) for point in points] == [(2, 2.0), (4, 4.0), (5, 5.0)]
        metrics = client.get_run(run.run_id).data.metrics
        assert metrics["value.mean"] == pytest.approx(11 / 3)
        assert metrics["seconds_per_fine_tune"] == 2.0
        assert (metrics["fine_tunes"], metrics["fine_tunes.failed"]) == (6, 1)

    def test_a_span_that_failed_is_a_failed_child_that_says_why(self, run):
        record_failed_span(run, SPAN, ZeroDivisionError("by zero"))
        (child,) = children(run)
        assert child.info.status == "FAILED"
        assert child.data.tags["mlflow.note.content"] == "ZeroDivisionError: by zero"


class TestEndRunLeftOpen:
    """A run whose process died is KILLED, and so is what was open below it."""

    def test_run_and_children_are_closed_and_finished_ones_left(self, run):
        with child_run(run, "finished"):
            pass
        child_run(run, "open").__enter__()
        end_run_left_open(run.uri, run.run_id)
        assert MlflowClient(run.uri).get_run(run.run_id).info.status == "KILLED"
        assert {child.info.run_name: child.info.status for child in children(run)} == {
            "finished": "FINISHED",
            "open": "KILLED",
        }

    def test_an_interrupt_within_a_child_is_killed_and_not_failed(self, run):
        with pytest.raises(KeyboardInterrupt), child_run(run, "stopped"):
            raise KeyboardInterrupt
        assert [child.info.status for child in children(run)] == ["KILLED"]


class TestEffects:
    """The largest interactions are metrics, so that two runs can be compared side by side."""

    def test_what_was_told_from_chance_is_there_and_nothing_else(self, run):
        def effect(groups, value, *, reported):
            return {
                "members": groups,
                "value": value,
                "ci": None,
                "moebius": None,
                "full": None,
                "kind": None,
                "verified": "not tested",
                "reported": reported,
            }

        target = {
            "name": "q/1",
            "method": "auto",
            "n_masks": 8,
            "r2": None,
            "spearman": None,
            "noise_ceiling": None,
        }
        found = [effect([0, 1], -2.0, reported=True), effect([0, 2], 9.0, reported=False)]
        target["interactions"] = [*found, effect([0], 5.0, reported=True)]
        record_effects(run, {"study": "tiny", "groups": ["a", "b", "c"], "targets": [target]})
        data = MlflowClient(run.uri).get_run(run.run_id).data
        assert data.metrics == {"effect. q_1: a x b": -2.0}
        assert data.tags["spex.largest"] == "q/1: a x b -2.00"
