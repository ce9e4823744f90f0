"""Where the fine-tunes of a flow run: Prefect's own task runners, chosen by `runner.kind`."""

from __future__ import annotations

from typing import Any

from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

from spex_data.study import StudyConfig
from tasks.workers import n_workers


def task_runner(study: StudyConfig, n_chunks: int) -> TaskRunner[Any] | None:
    """The task runner of a study's fine-tunes; None when they run in the flow's own process, one by one.

    Args:
        study: What is run.
        n_chunks: Chunks there are to run; a pool for a single one would be waste.
    """
    workers = n_workers(study, n_chunks)
    if workers == 1:
        return None
    if study.runner.kind == "threads":
        return ThreadPoolTaskRunner(max_workers=workers)
    return ProcessPoolTaskRunner(max_workers=workers)
