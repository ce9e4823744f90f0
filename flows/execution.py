"""One execution of a study, written into its manifest and into MLflow as what it came to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from prefect.runtime import flow_run

from flows.events import say_how_it_ended, tag_flow_run
from flows.stopping import Stopped
from flows.watching import watched
from spex_data.study import StudyConfig
from tasks.run_folder import RunFolder, now
from tasks.tracking import TrackedRun, end_run, end_run_if_possible, end_run_left_open, set_tags, start_run


@dataclass(frozen=True)
class _Execution:
    """What the manifest says of one execution, and where else it is told how it ended.

    Attributes:
        study: What is run.
        folder: Where.
        listed: All executions of the folder, this one last.
        tracked: Its run in MLflow.
    """

    study: StudyConfig
    folder: RunFolder
    listed: list[dict[str, Any]]
    tracked: TrackedRun

    def note(self, **what: Any) -> dict[str, Any]:
        """Adds to its entry in the manifest; the entry."""
        self.listed[-1].update(what)
        self.folder.update_manifest({"executions": self.listed})
        return self.listed[-1]

    def close(self, state: str, error: BaseException | None = None) -> None:
        """Notes how it ended, and emits the event that says so."""
        say_how_it_ended(self.study, self.folder, self.note(state=state, finished=now()), error)

    def close_without_server(self) -> None:
        """As `close` of one that failed, but tells Prefect nothing."""
        self.note(state="failed", finished=now())
        end_run_if_possible(self.tracked, "FAILED")


@contextmanager
def execution(
    study: StudyConfig, folder: RunFolder, stage: str = "all", parent: TrackedRun | None = None
) -> Iterator[TrackedRun]:
    """One execution in the manifest and in MLflow, closed as what it came to.

    Args:
        study: What is run.
        folder: Where.
        stage: "train", "decode" or "all".
        parent: The MLflow run of the study that this is a part of.
    """
    this = _begun(study, folder, stage, parent)
    try:
        with watched(lambda _: this.close_without_server()):
            yield this.tracked
    except BaseException as error:
        state, in_mlflow = _ended_by(error)
        this.close(state, error)
        end_run_if_possible(this.tracked, in_mlflow)
        raise
    this.close("finished")
    end_run(this.tracked, "FINISHED")


def _begun(study: StudyConfig, folder: RunFolder, stage: str, parent: TrackedRun | None) -> _Execution:
    """Lists a new execution, and tags its runs in MLflow and Prefect with each other."""
    listed = _earlier(folder)
    tracked = start_run(study, folder.directory, _tags(study, folder, len(listed) + 1, stage, parent))
    this = _Execution(study, folder, [*listed, {}], tracked)
    this.note(
        started=now(),
        state="running",
        mlflow_uri=tracked.uri,
        mlflow_run_id=tracked.run_id,
        mlflow_url=tracked.url,
        prefect_flow_run_id=str(flow_run.id) if flow_run.id else None,
        prefect_url=_page(),
    )
    set_tags(tracked, {"prefect.flow_run_id": str(flow_run.id), "prefect.url": _page() or "no server"})
    tag_flow_run(study.name, tracked.run_id)
    return this


def _earlier(folder: RunFolder) -> list[dict[str, Any]]:
    """Executions of before; those that nobody closed are closed as killed, in MLflow too."""
    executions: list[dict[str, Any]] = folder.read_manifest().get("executions", [])
    for earlier in executions:
        if earlier["state"] == "running":
            earlier["state"] = "killed"
        if earlier["state"] != "finished" and earlier["mlflow_run_id"]:
            end_run_left_open(earlier["mlflow_uri"], earlier["mlflow_run_id"])
    return executions


def _tags(
    study: StudyConfig, folder: RunFolder, number: int, stage: str, parent: TrackedRun | None
) -> dict[str, str]:
    """Of the run in MLflow, whose page shows the last one as its description."""
    place = str(folder.directory.resolve())
    within = {"mlflow.parentRunId": parent.run_id} if parent is not None and parent.run_id else {}
    return {
        **within,
        "spex.run_folder": place,
        "spex.execution": str(number),
        "spex.stage": stage,
        "mlflow.source.name": "spex-data run",
        "spex.lens": study.lens,
        "mlflow.note.content": f"{study.words.question} Study **{study.name}**, "
        f"execution {number}.\n\nFiles: `{place}`. Prefect: {_page() or 'no server'}.",
    }


def _ended_by(error: BaseException) -> tuple[str, str]:
    """What an execution that ended so came to: (state in the manifest, status in MLflow)."""
    if isinstance(error, Stopped):
        return "stopped", "KILLED"
    return ("failed", "FAILED") if isinstance(error, Exception) else ("interrupted", "KILLED")


def _page() -> str | None:
    """This flow run's page; None without a server."""
    url = flow_run.ui_url
    return url if url and url.startswith("http") else None
