"""Where the fine-tunes of a flow run: Prefect's own task runners, chosen by `runner.kind`."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

from flows.environment import require_extra
from spex_data.study import StudyConfig
from tasks.workers import n_workers

OBJECT_STORE_BYTES = 100 * 2**20
"""Of a Ray that is started for one run: paths and summaries pass through it, never tensors."""


def task_runner(study: StudyConfig, n_chunks: int) -> TaskRunner[Any] | None:
    """The task runner of a study's fine-tunes; None when they run in the flow's own process, one by one.

    Args:
        study: What is run.
        n_chunks: Chunks there are to run; a pool for a single one would be waste.

    Raises:
        RunnerError: The extra of that kind is not installed.
    """
    runner = study.runner
    workers = n_workers(study, n_chunks)
    if workers == 1 and not runner.address:
        return None
    if runner.kind == "threads":
        return ThreadPoolTaskRunner(max_workers=workers)
    if runner.kind == "processes":
        return ProcessPoolTaskRunner(max_workers=workers)
    require_extra(runner.kind)
    return _dask(study, workers) if runner.kind == "dask" else _ray(study, workers)


def _dask(study: StudyConfig, workers: int) -> TaskRunner[Any]:
    from prefect_dask import DaskTaskRunner

    if study.runner.address:
        return DaskTaskRunner(address=study.runner.address)
    cluster: dict[str, Any] = {
        "n_workers": workers,
        "threads_per_worker": 1,
        "dashboard_address": None,
        # Dask would kill a worker whose model takes more than its share, and begin its chunk again for ever.
        "memory_limit": None,
    }
    if study.runner.gpus:
        cluster["resources"] = {"GPU": study.runner.gpus}
    return DaskTaskRunner(cluster_kwargs=cluster)


def _ray(study: StudyConfig, workers: int) -> TaskRunner[Any]:
    from prefect_ray import RayTaskRunner

    if study.runner.address:
        return RayTaskRunner(address=study.runner.address)
    settings = {
        "num_cpus": workers,
        "include_dashboard": False,
        "log_to_driver": False,
        "object_store_memory": OBJECT_STORE_BYTES,
    }
    return RayTaskRunner(init_kwargs=settings)


def worker_resources(study: StudyConfig) -> AbstractContextManager[object]:
    """Within it, every task that is submitted asks its cluster for `runner.gpus`."""
    gpus = study.runner.gpus
    if study.runner.kind == "dask" and gpus:
        import dask

        return dask.annotate(resources={"GPU": gpus})
    if study.runner.kind == "ray":
        from prefect_ray.context import remote_options

        # A worker that dies is Prefect's to report; Ray would begin its chunk again beside ours.
        return remote_options(num_gpus=gpus, max_retries=0)
    return nullcontext()
