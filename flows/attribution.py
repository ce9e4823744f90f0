"""The main job: which groups of training examples interact in what a fine-tuned model predicts.

prepare -> design -> fine-tune and evaluate, by chunk -> collect -> recover -> verify -> report
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.futures import PrefectFuture, as_completed
from prefect.runtime import flow_run
from prefect.states import Cancelled
from pydantic import BaseModel, Field

from flows.progress import Progress, say, tell
from flows.runners import task_runner
from flows.stopping import Stopped, stopped, until
from flows.verification import verified
from spex_data.study import StudyConfig, load_study
from spex_data.values import writer_lock
from tasks.design import Chunk, Design, design
from tasks.measure import ChunkDone, measure
from tasks.prepare import prepare
from tasks.recover import collect, recover
from tasks.report import report
from tasks.run_folder import RunFolder, now
from tasks.tracking import TrackedRun, end_run, end_run_if_possible, end_run_left_open, set_tags, start_run
from tasks.workers import n_workers


class AttributionParameters(BaseModel, frozen=True):
    """What a run of the flow is asked for; Prefect shows it as a form."""

    config: str = Field(description="Path of the study's YAML file")
    overrides: tuple[str, ...] = Field(
        default=(), description="Changes of single keys, such as training.epochs=4"
    )
    out: str | None = Field(default=None, description="Folder of the run; runs/NAME when empty")
    update: bool = Field(default=False, description="The study changed: go on with the values still valid")

    def study(self) -> StudyConfig:
        """The study with its overrides."""
        return load_study(self.config, self.overrides)

    def folder(self, study: StudyConfig) -> RunFolder:
        """Where the run lives."""
        return RunFolder(Path(self.out) if self.out else Path("runs") / study.name)


class AttributionResult(BaseModel, frozen=True):
    """What a run came to.

    Attributes:
        directory: The run folder.
        fine_tunes: Fine-tunes of the whole plan.
        reused: How many of them had been measured before.
        kept: How many of the others were measured on adapters kept from before.
        failed: How many of them failed.
        cause: Why the first of these failed.
        passes: Adapters to a pass, as decided and after each time that memory ran out.
        mlflow_uri: Tracking URI, empty when tracking is off.
        mlflow_run_id: Run of this execution.
    """

    directory: str
    fine_tunes: int
    reused: int
    kept: int
    failed: int
    cause: str | None
    passes: tuple[int, ...]
    mlflow_uri: str
    mlflow_run_id: str | None


def _run_name() -> str:
    parameters = flow_run.parameters["parameters"]
    return f"attribution: {Path(parameters.config).stem}"


@flow(
    name="attribution",
    flow_run_name=_run_name,
    description="Fine-tune LoRA adapters on subsets of the training groups; recover which groups interact.",
)
def attribution(parameters: AttributionParameters) -> AttributionResult:
    """Runs a study, or resumes it: what the run folder's store has is not trained again."""
    study = parameters.study()
    folder = parameters.folder(study)
    return execute(study, folder, update=parameters.update)


def execute(
    study: StudyConfig, folder: RunFolder, *, update: bool = False, extend: bool = False
) -> AttributionResult:
    """One execution of a study in its folder, from the lock to the report.

    Args:
        study: What the folder is to hold.
        folder: Where.
        update: Whether the study may differ from the one that the folder holds.
        extend: Whether it may in its budget and its targets alone.

    Returns:
        What it came to; or, where `runner.max_hours` ended it, a state that says so.
    """
    deadline = time.time() + 3600 * study.runner.max_hours if study.runner.max_hours else None
    with writer_lock(folder.directory):
        changed = folder.claim(study, update=update or extend)
        if changed:
            say(f"the study changed: {'; '.join(changed)}")
        try:
            with _execution(study, folder) as tracked:
                directory = str(folder.directory)
                return _stages(study, directory, tracked, update=update, extend=extend, deadline=deadline)
        except Stopped as stop:
            return Cancelled(message=str(stop))  # type: ignore[return-value]


def _stages(
    study: StudyConfig,
    directory: str,
    tracked: TrackedRun,
    *,
    update: bool,
    extend: bool,
    deadline: float | None,
) -> AttributionResult:
    tell(Progress("reading data, making groups, loading the model"))
    prepared = prepare(directory, tracked, update=update, extend=extend)
    tell(Progress("drawing masks"))
    planned = design(directory, prepared, tracked)
    for line in planned.words:
        say(line)
    failed = 0
    if planned.chunks:
        runner = task_runner(study, len(planned.chunks))
        stage = fine_tune.with_options(task_runner=runner) if runner else fine_tune
        workers = n_workers(study, len(planned.chunks)) if runner else 0
        done, failed = stage(directory, planned, tracked, workers=workers, deadline=deadline)
        if done < planned.total:
            raise stopped(done, planned.total, study.runner.max_hours or 0.0)
    tell(Progress("recovering interactions"))
    table = collect(directory, failed, tracked)
    recovery = recover(directory, table, tracked, study.decoding.method)
    recovery = verified(study, directory, recovery, tracked)
    tell(Progress("writing the report"))
    report(directory, recovery, tracked)
    return AttributionResult(
        directory=directory,
        fine_tunes=planned.total,
        reused=planned.done,
        kept=planned.kept,
        failed=len(table.failed()),
        cause=next((cause for cause in table.causes if cause), None),
        passes=RunFolder(Path(directory)).read_manifest()["adapters_per_pass_used"],
        mlflow_uri=tracked.uri,
        mlflow_run_id=tracked.run_id,
    )


@flow(
    name="fine-tune",
    flow_run_name="{planned.missing} of {planned.total} masks",
    description="Chunks of fine-tunes, on the study's task runner; each appends its values to the store.",
)
def fine_tune(
    directory: str, planned: Design, tracked: TrackedRun, *, workers: int, deadline: float | None
) -> tuple[int, int]:
    """Measures chunks, in this process one by one or on the flow's task runner.

    Args:
        directory: The run folder.
        planned: What is missing.
        tracked: The MLflow run.
        workers: Of the task runner; 0 to run them here.
        deadline: When to begin no further chunk, in seconds since 1970; None for never.

    Returns:
        (fine-tunes measured, those of before among them; those of now that failed).
    """

    def run(chunk: Chunk) -> ChunkDone:
        return measure(directory, chunk, tracked)

    done, total, failed = planned.done, planned.total, 0
    tell(Progress("fine-tuning", done, total))
    if not workers:
        results = until(
            deadline, planned.chunks, lambda chunk: chunk, lambda begun: (begun[0], run(begun[0]))
        )
    elif deadline is None:
        futures = [measure.submit(directory, chunk, tracked) for chunk in planned.chunks]
        results = (future.result() for future in as_completed(futures))
    else:
        results = until(
            deadline,
            planned.chunks,
            lambda chunk: measure.submit(directory, chunk, tracked),
            _first_done,
            at_once=workers,
        )
    for result in results:
        done, failed = done + result.rows, failed + result.failed
        tell(Progress("fine-tuning", done, total, failed))
    get_run_logger().info("%d of %d fine-tunes measured", done, total)
    return done, failed


def _first_done(begun: list[PrefectFuture[ChunkDone]]) -> tuple[PrefectFuture[ChunkDone], ChunkDone]:
    future = next(iter(as_completed(begun)))
    return future, future.result()


def _page() -> str | None:
    """This flow run's page; None without a server."""
    url = flow_run.ui_url
    return url if url and url.startswith("http") else None


@contextmanager
def _execution(study: StudyConfig, folder: RunFolder) -> Iterator[TrackedRun]:
    """One execution in the manifest and in MLflow, closed as what it came to."""
    executions: list[dict[str, Any]] = folder.read_manifest().get("executions", [])
    for earlier in executions:
        if earlier["state"] == "running":
            earlier["state"] = "killed"
        if earlier["state"] != "finished" and earlier["mlflow_run_id"]:
            end_run_left_open(earlier["mlflow_uri"], earlier["mlflow_run_id"])
    place = str(folder.directory.resolve())
    tags = {
        "spex.run_folder": place,
        "spex.execution": str(len(executions) + 1),
        "mlflow.source.name": "spex-data run",
        "mlflow.note.content": f"Which groups of training examples interact: study **{study.name}**, "
        f"execution {len(executions) + 1}.\n\nFiles: `{place}`. Prefect: {_page() or 'no server'}.",
    }
    tracked = start_run(study, folder.directory, tags)
    this: dict[str, Any] = {
        "started": now(),
        "state": "running",
        "mlflow_uri": tracked.uri,
        "mlflow_run_id": tracked.run_id,
        "mlflow_url": tracked.url,
        "prefect_flow_run_id": str(flow_run.id) if flow_run.id else None,
        "prefect_url": _page(),
    }
    executions.append(this)
    folder.update_manifest({"executions": executions})
    set_tags(tracked, {"prefect.flow_run_id": str(flow_run.id), "prefect.url": _page() or "no server"})

    def close(state: str) -> None:
        this.update(state=state, finished=now())
        folder.update_manifest({"executions": executions})

    try:
        yield tracked
    except Stopped:
        close("stopped")
        end_run_if_possible(tracked, "KILLED")
        raise
    except Exception:
        close("failed")
        end_run_if_possible(tracked, "FAILED")
        raise
    except BaseException:
        close("interrupted")
        end_run_if_possible(tracked, "KILLED")
        raise
    close("finished")
    end_run(tracked, "FINISHED")
