"""The main job: which groups of training examples interact in what a fine-tuned model predicts.

prepare -> design -> fine-tune and evaluate, by chunk -> collect -> recover -> report
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, tags
from prefect.client.schemas.objects import State
from prefect.futures import as_completed
from prefect.runtime import flow_run
from prefect.states import Cancelled
from pydantic import BaseModel, Field

from flows.approval import NotApprovedError, wait_for_approval
from flows.events import say_how_it_ended, tag_flow_run
from flows.progress import Progress, tell
from flows.runners import task_runner, worker_resources
from spex_data.study import StudyConfig, load_study
from spex_data.values import writer_lock
from tasks.artifacts import progress_shown
from tasks.design import Design, design
from tasks.layout import record_failed_span, record_span
from tasks.measure import SpanDone, measure
from tasks.prepare import prepare
from tasks.recover import collect, recover
from tasks.report import report
from tasks.run_folder import RunFolder, now
from tasks.spans import Span, spans
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

    @property
    def stem(self) -> str:
        """The study's file without its folder and ending, as names of runs show it."""
        return Path(self.config).stem

    def folder(self, study: StudyConfig) -> RunFolder:
        """Where the run lives."""
        return RunFolder(Path(self.out) if self.out else Path("runs") / study.name)


class AttributionResult(BaseModel, frozen=True):
    """What a run came to.

    Attributes:
        directory: The run folder.
        fine_tunes: Fine-tunes of the whole plan.
        reused: How many of them had been measured before.
        failed: How many of them failed.
        cause: Why the first of these failed.
        passes: Adapters to a pass, as decided and after each time that memory ran out.
        mlflow_uri: Tracking URI, empty when tracking is off.
        mlflow_run_id: Run of this execution.
    """

    directory: str
    fine_tunes: int
    reused: int
    failed: int
    cause: str | None
    passes: tuple[int, ...]
    mlflow_uri: str
    mlflow_run_id: str | None


def _run_name() -> str:
    return f"attribution: {flow_run.parameters['parameters'].stem}"


@flow(
    name="attribution",
    flow_run_name=_run_name,
    description="Fine-tune LoRA adapters on subsets of the training groups; recover which groups interact.",
)
def attribution(parameters: AttributionParameters) -> AttributionResult | State[Any]:
    """Runs a study, or resumes it: what the run folder's store has is not trained again."""
    study = parameters.study()
    folder = parameters.folder(study)
    with tags("spex-data", study.name), writer_lock(folder.directory):
        folder.claim(study, update=parameters.update)
        try:
            with execution(study, folder) as tracked:
                return _stages(study, str(folder.directory), tracked, update=parameters.update)
        except NotApprovedError as declined:
            return Cancelled(message=str(declined))


def _stages(study: StudyConfig, directory: str, tracked: TrackedRun, *, update: bool) -> AttributionResult:
    tell(Progress("reading data, making groups, loading the model"))
    prepared = prepare(directory, tracked, update=update)
    tell(Progress("drawing masks"))
    planned = design(directory, prepared, tracked)
    wait_for_approval(study, RunFolder(Path(directory)), planned)
    failed = fine_tune_missing(study, directory, planned, tracked)
    tell(Progress("recovering interactions"))
    table = collect(directory, failed, tracked)
    recovery = recover(directory, table, tracked, study.decoding.method)
    tell(Progress("writing the report"))
    report(directory, recovery, tracked)
    return AttributionResult(
        directory=directory,
        fine_tunes=planned.total,
        reused=planned.done,
        failed=len(table.failed()),
        cause=next((cause for cause in table.causes if cause), None),
        passes=RunFolder(Path(directory)).read_manifest()["adapters_per_pass_used"],
        mlflow_uri=tracked.uri,
        mlflow_run_id=tracked.run_id,
    )


def fine_tune_missing(study: StudyConfig, directory: str, planned: Design, tracked: TrackedRun) -> int:
    """Fine-tunes what is missing, where the study says; returns how many failed."""
    if not planned.chunks:
        return 0
    runner = task_runner(study, len(planned.chunks))
    stage = fine_tune.with_options(task_runner=runner) if runner else fine_tune
    return stage(directory, planned, tracked, in_process=runner is None)


@flow(
    name="fine-tune",
    flow_run_name="{planned.missing} of {planned.total} masks",
    description="Chunks of fine-tunes, on the study's task runner; each appends its values to the store.",
)
def fine_tune(directory: str, planned: Design, tracked: TrackedRun, *, in_process: bool) -> int:
    """Measures chunks, in this process one by one or on the flow's task runner.

    Args:
        directory: The run folder.
        planned: What is missing.
        tracked: The MLflow run.
        in_process: Whether to run them here.

    Returns:
        Fine-tunes that failed.
    """
    study = RunFolder(Path(directory)).read_study()
    done, total, failed = planned.done, planned.total, 0
    todo = spans(planned.chunks, n_workers(study, len(planned.chunks)))
    tell(Progress("fine-tuning", done, total))
    with progress_shown(study.name, total, done) as moved, worker_resources(study):
        for span, result in _measured(directory, todo, in_process=in_process):
            try:
                measured = result()
            except Exception as error:
                record_failed_span(tracked, span, error)
                raise
            done, failed = done + span.missing, failed + measured.failed
            record_span(tracked, span, measured, so_far=done, failed=failed)
            tell(Progress("fine-tuning", done, total, failed))
            moved(done, failed)
            get_run_logger().info("%s of %s fine-tunes measured", f"{done:,}", f"{total:,}")
    return failed


def _measured(
    directory: str, todo: Sequence[Span], *, in_process: bool
) -> Iterator[tuple[Span, Callable[[], SpanDone]]]:
    """Spans in the order in which they end, each with what gives its outcome or raises its error."""
    if in_process:
        for span in todo:
            yield span, partial(measure, directory, span)
        return
    futures = {measure.submit(directory, span): span for span in todo}
    for future in as_completed(list(futures)):
        yield futures[future], future.result


def _page() -> str | None:
    """This flow run's page; None without a server."""
    url = flow_run.ui_url
    return url if url and url.startswith("http") else None


@contextmanager
def execution(study: StudyConfig, folder: RunFolder, stage: str = "all") -> Iterator[TrackedRun]:
    """One execution in the manifest and in MLflow, closed as what it came to.

    Args:
        study: What is run.
        folder: Where.
        stage: "train", "decode" or "all".
    """
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
        "spex.stage": stage,
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
    tag_flow_run(study.name, tracked.run_id)

    def close(state: str, error: BaseException | None = None) -> None:
        this.update(state=state, finished=now())
        folder.update_manifest({"executions": executions})
        say_how_it_ended(study, folder, this, error)

    try:
        yield tracked
    except NotApprovedError as declined:
        close("not approved", declined)
        end_run_if_possible(tracked, "KILLED")
        raise
    except Exception as error:
        close("failed", error)
        end_run_if_possible(tracked, "FAILED")
        raise
    except BaseException as error:
        close("interrupted", error)
        end_run_if_possible(tracked, "KILLED")
        raise
    close("finished")
    end_run(tracked, "FINISHED")
