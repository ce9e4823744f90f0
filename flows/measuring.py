"""Chunks of fine-tunes, measured here or on the flow's task runner: a study's own and verification's."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from prefect import get_run_logger
from prefect.client.schemas.objects import State

from flows.progress import Progress, tell
from flows.runners import cluster_workers, worker_resources
from flows.stopping import worked_through, workers_told
from flows.watching import state_if_cancelled
from tasks.design import Design
from tasks.layout import record_failed_span, record_span
from tasks.measure import measure
from tasks.run_folder import RunFolder
from tasks.spans import spans
from tasks.tracking import TrackedRun
from tasks.verify import Planned


def measure_chunks(
    directory: str,
    planned: Design | Planned,
    tracked: TrackedRun,
    stage: str,
    *,
    workers: int,
    deadline: float | None,
) -> tuple[int, int] | State[Any]:
    """Measures what is missing of a plan; the flow that asks for it is the one that tasks belong to.

    Args:
        directory: The run folder.
        planned: What is missing.
        tracked: The MLflow run.
        stage: What it is called in the terminal.
        workers: Of the task runner on this machine; 0 to run them here. A cluster is asked for its own.
        deadline: When to begin no further chunk, in seconds since 1970; None for never.

    Returns:
        (fine-tunes measured, those of before among them; those of now that failed), or the state of a flow
        that was cancelled.
    """
    folder = RunFolder(Path(directory))
    study = folder.read_study()
    work = study.words.work
    now = partial(cluster_workers, study) if study.runner.address else lambda: workers
    done, total, failed = planned.done, planned.total, 0
    tell(Progress(stage, done, total))
    measured_spans = worked_through(
        measure,
        spans(planned.chunks, now()),
        lambda span: (directory, span, deadline),
        workers=now if workers else None,
        deadline=deadline,
        failed=lambda span, error: record_failed_span(tracked, span, error),
    )
    try:
        with worker_resources(study), workers_told(folder.stopping):
            for span, measured in measured_spans:
                done, failed = done + measured.done, failed + measured.failed
                record_span(tracked, span, measured, so_far=done, failed=failed)
                tell(Progress(stage, done, total, failed))
                get_run_logger().info("%s of %s %s measured", f"{done:,}", f"{total:,}", work)
    except KeyboardInterrupt:
        return state_if_cancelled()
    return done, failed
