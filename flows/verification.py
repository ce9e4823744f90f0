"""Verification as a stage: choose, retrain by the same road, judge."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.futures import as_completed
from prefect.utilities.annotations import quote

from flows.interrupts import raise_if_interrupted
from flows.progress import Progress, tell
from flows.runners import task_runner
from spex_data.reports import Recovery
from spex_data.study import StudyConfig
from tasks.tracking import TrackedRun
from tasks.verify import Planned, judge_verification, plan_verification, retrain


def verified(study: StudyConfig, directory: str, recovery: Recovery, tracked: TrackedRun) -> Recovery:
    """What was found, with the verdicts of retraining; as it was where `verify.enabled` is false.

    Args:
        study: Its `verify` section decides how much is retrained.
        directory: The run folder.
        recovery: What was found.
        tracked: The MLflow run.
    """
    if not study.verify.enabled:
        return recovery
    tell(Progress("choosing what to retrain"))
    # Prefect would look through every number of a plain argument.
    whole: Any = quote(recovery)
    planned = plan_verification(directory, whole, tracked)
    retrained(study, directory, planned, tracked)
    tell(Progress("judging what was retrained"))
    return judge_verification(directory, whole, planned, tracked)


def retrained(study: StudyConfig, directory: str, planned: Planned, tracked: TrackedRun) -> int:
    """Does what is missing, on the study's task runner.

    Returns:
        Fine-tunes that failed.
    """
    if not planned.chunks:
        return 0
    runner = task_runner(study, len(planned.chunks))
    stage = verify.with_options(task_runner=runner) if runner else verify
    return stage(directory, planned, tracked, in_process=runner is None)


@flow(
    name="verify",
    flow_run_name="{planned.total} fine-tunes, {planned.done} done before",
    description="Retrain the corners that decide the largest interactions; each chunk appends its values.",
)
def verify(directory: str, planned: Planned, tracked: TrackedRun, *, in_process: bool) -> int:
    """Retrains chunks, in this process one by one or on the flow's task runner.

    Args:
        directory: The run folder.
        planned: What is missing.
        tracked: The MLflow run.
        in_process: Whether to run them here.

    Returns:
        Fine-tunes that failed.
    """
    done, failed = planned.done, 0
    tell(Progress("verifying", done, planned.total))
    if in_process:
        results = (retrain(directory, chunk, tracked) for chunk in planned.chunks)
    else:
        futures = [retrain.submit(directory, chunk, tracked) for chunk in planned.chunks]
        results = (future.result() for future in as_completed(futures))
    for rows, bad in results:
        raise_if_interrupted()
        done, failed = done + rows, failed + bad
        tell(Progress("verifying", done, planned.total, failed))
    return failed
