"""One execution of a study, written into its manifest and into MLflow as what it came to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect.runtime import flow_run

from flows.events import say_how_it_ended, tag_flow_run
from flows.stopping import Stopped
from flows.watching import watched
from spex_data.errors import RunnerError
from spex_data.study import StudyConfig
from tasks.run_folder import RunFolder, now
from tasks.tracking import TrackedRun, end_run, end_run_if_possible, end_run_left_open, set_tags, start_run


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

    def gone(_: RunnerError) -> None:
        this.update(state="failed", finished=now())
        folder.update_manifest({"executions": executions})
        end_run_if_possible(tracked, "FAILED")

    try:
        with watched(gone):
            yield tracked
    except Stopped as stop:
        close("stopped", stop)
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
