"""Where the fine-tunes of a flow run: Prefect's own task runners, chosen by `runner.kind`."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from prefect.context import FlowRunContext
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
    # Without an address Ray would join one that happens to run on this machine, and refuse our settings.
    return RayTaskRunner(address="local", init_kwargs=settings)


def cluster_workers(study: StudyConfig) -> int:
    """Chunks that the cluster of the flow that runs just now could measure at once; 1 while it is empty.

    A chunk takes one processor and `runner.gpus`, which must be on one machine.

    Args:
        study: Its `runner.address` says which cluster.
    """
    gpus = study.runner.gpus
    places = _dask_places() if study.runner.kind == "dask" else _ray_places()
    return max(1, sum(int(min(cpus, has / gpus if gpus else cpus)) for cpus, has in places))


def _dask_places() -> list[tuple[float, float]]:
    """(threads, GPUs) of each worker of the flow's Dask cluster."""
    context = FlowRunContext.get()
    runner: Any = context.task_runner if context else None
    workers = runner.client.scheduler_info(n_workers=-1)["workers"].values()
    return [(worker["nthreads"], worker["resources"].get("GPU", 0)) for worker in workers]


def _ray_places() -> list[tuple[float, float]]:
    """(processors, GPUs) of each machine of the Ray cluster that this process belongs to."""
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [(has.get("CPU", 0), has.get("GPU", 0)) for has in nodes]


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
