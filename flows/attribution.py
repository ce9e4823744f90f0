"""The main job: which groups of training examples interact in what a fine-tuned model predicts.

prepare -> (design -> fine-tune and evaluate, by chunk -> collect, in rounds) -> recover -> verify -> report
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from prefect import flow, tags
from prefect.client.schemas.objects import State
from prefect.states import Cancelled
from prefect.utilities.annotations import quote
from pydantic import BaseModel, Field

from flows.execution import execution
from flows.lenses import require_lens
from flows.measuring import measure_chunks
from flows.progress import Progress, also_listening, say, tell
from flows.rounds import measured_in_rounds
from flows.run_names import named_by
from flows.runners import task_runner
from flows.stopping import Stopped, stopped
from flows.verification import verified
from spex_data.study import StudyConfig, load_study
from spex_data.values import writer_lock
from tasks.artifacts import progress_shown
from tasks.comparison import compare, set_aside
from tasks.design import Design
from tasks.prepare import Prepared, prepare
from tasks.prune import prune
from tasks.recover import recover
from tasks.report import report
from tasks.run_folder import RunFolder
from tasks.tracking import TrackedRun
from tasks.workers import n_workers


class AttributionParameters(BaseModel, frozen=True):
    """The study, and the folder that its run lives in; the same again resumes it."""

    config: str = Field(title="Study", description="Its YAML file, such as configs/demo.yaml")
    overrides: tuple[str, ...] = Field(
        default=(), title="Changes", description="Of single keys, such as training.epochs=4"
    )
    out: str = Field(default="", title="Run folder", description="runs/NAME where none is given")
    update: bool = Field(
        default=False, title="The study changed", description="Go on with the values that are still valid"
    )

    def study(self) -> StudyConfig:
        """The study with its overrides."""
        return load_study(self.config, self.overrides)

    @property
    def stem(self) -> str:
        """What names of runs call the study: its file, without folder and ending, or the name it is given."""
        named = [change.partition("=")[2].strip() for change in self.overrides if change.startswith("name=")]
        return named[-1] if named else Path(self.config).stem

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
        ended: Why a study in rounds has ended; None for another.
        failed: How many of them failed, and of those of verification.
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
    ended: str | None = None


@flow(
    name="attribution",
    flow_run_name=named_by(lambda asked: f"attribution: {asked.stem}"),
    description="Fine-tune LoRA adapters on subsets of the training groups; recover which groups interact.",
)
def attribution(parameters: AttributionParameters) -> AttributionResult | State[Any]:
    """Runs a study, or resumes it: what the run folder's store has is not trained again."""
    study = parameters.study()
    require_lens(study, "data", parameters.config)
    return execute(study, parameters.folder(study), update=parameters.update)


def execute(
    study: StudyConfig,
    folder: RunFolder,
    *,
    update: bool = False,
    extend: bool = False,
    parent: TrackedRun | None = None,
    deadline: float | None = None,
) -> AttributionResult | State[Any]:
    """One execution of a study in its folder, from the lock to the report.

    Args:
        study: What the folder is to hold.
        folder: Where.
        update: Whether the study may differ from the one that the folder holds.
        extend: Whether it may in its budget and its targets alone.
        parent: The MLflow run that this one is a child of, if it is part of a study.
        deadline: When to begin no further chunk, if the study that it is part of says so.

    Returns:
        What it came to; or, where `runner.max_hours` or a declined plan ended it, a state that says so.
    """
    deadline = deadline or deadline_of(study)
    with tags("spex-data", study.name), writer_lock(folder.directory) as died:
        if died:
            say(f"taken over from {died}, which is dead")
        set_aside(folder, study)
        before = folder.study.read_bytes() if folder.study.is_file() else None
        changed = folder.claim(study, update=update or extend)
        if changed:
            say(f"the study changed: {'; '.join(changed)}")
        try:
            with execution(study, folder, parent=parent) as tracked:
                first = "reading data, making groups, loading the model"
                tell(Progress(first if study.lens == "data" else "loading the model, finding what to mask"))
                directory = str(folder.directory)
                with folder.kept_if_refused(before):
                    prepared = prepare(directory, tracked, update=update, extend=extend)
                return _stages(study, directory, prepared, tracked, deadline)
        except Stopped as stop:
            return Cancelled(message=str(stop))


def _stages(
    study: StudyConfig, directory: str, prepared: Prepared, tracked: TrackedRun, deadline: float | None
) -> AttributionResult:
    measured = measured_in_rounds(
        study,
        directory,
        prepared,
        tracked,
        lambda planned: fine_tune_missing(study, directory, planned, tracked, deadline),
    )
    table = measured.table
    tell(Progress("recovering interactions"))
    recovery = recover(directory, table, tracked, study.decoding.method)
    recovery = verified(study, directory, recovery, tracked, deadline)
    if study.lens == "components":
        tell(Progress("finding what to keep"))
        prune(directory, quote(recovery), tracked)
    tell(Progress("writing the report"))
    report(directory, recovery, tracked)
    since = compare(directory, tracked)
    checked = recovery.interactions.get("verification") or {"failed": 0, "cause": None}
    if since:
        say(since)
    return AttributionResult(
        directory=directory,
        fine_tunes=measured.fine_tunes,
        reused=measured.reused,
        kept=measured.kept,
        ended=measured.ended,
        failed=len(table.failed()) + checked["failed"],
        cause=next((cause for cause in table.causes if cause), checked["cause"]),
        passes=tuple(RunFolder(Path(directory)).read_manifest().get("adapters_per_pass_used", ())),
        mlflow_uri=tracked.uri,
        mlflow_run_id=tracked.run_id,
    )


def fine_tune_missing(
    study: StudyConfig, directory: str, planned: Design, tracked: TrackedRun, deadline: float | None
) -> int:
    """Fine-tunes what is missing, where the study says; returns how many failed.

    Raises:
        Stopped: `runner.max_hours` were over before all of it was measured.
    """
    if not planned.chunks:
        return 0
    runner = task_runner(study, len(planned.chunks))
    stage = fine_tune.with_options(**named_after(study), **({"task_runner": runner} if runner else {}))
    if planned.title:
        stage = stage.with_options(flow_run_name=planned.title)
    workers = n_workers(study, len(planned.chunks)) if runner else 0
    with (
        # Here, so that the bar is on the page of the whole run and not on that of its stage.
        progress_shown(study.name, planned.total, planned.done, study.words.work) as moved,
        also_listening(lambda now: moved(now.done, now.failed) if now.total else None),
    ):
        done, failed = stage(directory, planned, tracked, workers=workers, deadline=deadline)
    if done < planned.total:
        raise stopped(done, planned.total, study.runner.max_hours or 0.0, what=study.words.work)
    return failed


def named_after(study: StudyConfig) -> dict[str, str]:
    """What the flow of chunks is called on Prefect's page, by the study's lens."""
    if study.lens == "data":
        return {}
    return {"name": study.words.doing, "description": f"Chunks of masks: {study.words.masks}."}


def deadline_of(study: StudyConfig) -> float | None:
    """When `runner.max_hours` will be over, in seconds since 1970."""
    return time.time() + 3600 * study.runner.max_hours if study.runner.max_hours else None


@flow(
    name="fine-tune",
    flow_run_name="{planned.missing:,} of {planned.total:,} masks",
    description="Chunks of fine-tunes, on the study's task runner; each appends its values to the store.",
)
def fine_tune(
    directory: str, planned: Design, tracked: TrackedRun, *, workers: int, deadline: float | None
) -> tuple[int, int] | State[Any]:
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
    stage = RunFolder(Path(directory)).read_study().words.doing
    return measure_chunks(directory, planned, tracked, stage, workers=workers, deadline=deadline)
