"""Verification as a stage: choose, retrain by the same road, judge."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.utilities.annotations import quote

from flows.measuring import measure_chunks
from flows.progress import Progress, tell
from flows.runners import task_runner
from flows.stopping import stopped
from spex_data.reports import Recovery
from spex_data.study import StudyConfig
from tasks.tracking import TrackedRun
from tasks.verify import Planned, judge_verification, plan_verification
from tasks.workers import n_workers


def verified(
    study: StudyConfig,
    directory: str,
    recovery: Recovery,
    tracked: TrackedRun,
    deadline: float | None,
) -> Recovery:
    """What was found, with the verdicts of retraining; as it was where `verify.enabled` is false.

    Args:
        study: Its `verify` section decides how much is retrained.
        directory: The run folder.
        recovery: What was found.
        tracked: The MLflow run.
        deadline: When to begin no further chunk, in seconds since 1970; None for never.

    Raises:
        Stopped: `runner.max_hours` were over before all of it was retrained.
    """
    if not study.verify.enabled or study.lens != "data":
        return recovery
    tell(Progress("choosing what to retrain"))
    # Prefect would look through every number of a plain argument.
    whole: Any = quote(recovery)
    planned = plan_verification(directory, whole, tracked)
    retrained(study, directory, planned, tracked, deadline)
    tell(Progress("judging what was retrained"))
    return judge_verification(directory, whole, planned, tracked)


def retrained(
    study: StudyConfig,
    directory: str,
    planned: Planned,
    tracked: TrackedRun,
    deadline: float | None = None,
) -> int:
    """Does what is missing, on the study's task runner.

    Returns:
        Fine-tunes that failed.

    Raises:
        Stopped: `runner.max_hours` were over before all of it was retrained.
    """
    if not planned.chunks:
        return 0
    runner = task_runner(study, len(planned.chunks))
    stage = verify.with_options(task_runner=runner) if runner else verify
    workers = n_workers(study, len(planned.chunks)) if runner else 0
    done, failed = stage(directory, planned, tracked, workers=workers, deadline=deadline)
    if done < planned.total:
        raise stopped(done, planned.total, study.runner.max_hours or 0.0, what="fine-tunes of verification")
    return failed


@flow(
    name="verify",
    flow_run_name="{planned.total:,} fine-tunes, {planned.done:,} done before",
    description="Retrain the corners that decide the largest interactions; each chunk appends its values.",
)
def verify(
    directory: str, planned: Planned, tracked: TrackedRun, *, workers: int, deadline: float | None
) -> tuple[int, int] | State[Any]:
    """Retrains chunks, in this process one by one or on the flow's task runner.

    Args:
        directory: The run folder.
        planned: What is missing.
        tracked: The MLflow run.
        workers: Of the task runner; 0 to run them here.
        deadline: When to begin no further chunk, in seconds since 1970; None for never.

    Returns:
        (fine-tunes done, those of before among them; those of now that failed).
    """
    return measure_chunks(directory, planned, tracked, "verifying", workers=workers, deadline=deadline)
