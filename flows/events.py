"""What a study tells Prefect: how it ended, as an event that automations wait for; and its tags."""

from __future__ import annotations

from typing import Any

import httpx
from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.events import emit_event
from prefect.runtime import flow_run

from spex_data.study import StudyConfig
from tasks.run_folder import RunFolder

_EVENTS = {
    "finished": "spex-data.study.finished",
    "failed": "spex-data.study.failed",
    "interrupted": "spex-data.study.interrupted",
    "stopped": "spex-data.study.stopped",
}


def say_how_it_ended(
    study: StudyConfig, folder: RunFolder, execution: dict[str, Any], error: BaseException | None
) -> None:
    """Emits `spex-data.study.finished`, `.failed`, `.interrupted` or `.stopped`.

    Args:
        study: What was run.
        folder: Its run folder.
        execution: Its entry in the manifest, with its state.
        error: What ended it, if it did not come to its end.
    """
    related = []
    if flow_run.id:
        related.append(
            {"prefect.resource.id": f"prefect.flow-run.{flow_run.id}", "prefect.resource.role": "flow-run"}
        )
    emit_event(
        _EVENTS[execution["state"]],
        resource={
            "prefect.resource.id": f"spex-data.study.{study.name}",
            "prefect.resource.name": study.name,
            "spex-data.run-folder": str(folder.directory.resolve()),
        },
        related=related,
        payload={
            "study": study.name,
            "folder": str(folder.directory.resolve()),
            "state": execution["state"],
            "error": "" if error is None else f"{type(error).__name__}: {error}"[:2000],
            "mlflow": execution["mlflow_url"] or execution["mlflow_run_id"] or "",
            "prefect": execution["prefect_url"] or "",
        },
    )


def tag_flow_run(study_name: str, mlflow_run_id: str | None) -> None:
    """Tags this flow run with the study and its MLflow run; those that it has stay."""
    if not flow_run.id:
        return
    tags = {*flow_run.tags, "spex-data", study_name}
    if mlflow_run_id:
        tags.add(f"mlflow:{mlflow_run_id}")
    try:
        with get_client(sync_client=True) as client:
            client.update_flow_run(flow_run.id, tags=sorted(tags))
    except httpx.HTTPError as error:
        get_run_logger().warning("the flow run could not be tagged (%s)", error)
