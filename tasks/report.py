"""Last stage: figures and the page for people, and the same in MLflow and Prefect."""

from __future__ import annotations

from pathlib import Path

from prefect import task
from prefect.artifacts import create_link_artifact, create_table_artifact

from spex_data.reports import Recovery
from tasks.pages import write_pages
from tasks.run_folder import RunFolder
from tasks.tracking import TrackedRun, log_files

ROWS = 100
"""Interactions in Prefect's table artifact; interactions.json holds all that are reported."""


@task(
    name="report",
    task_run_name="write the report",
    description="Draw the figures, write report.html, and publish both with the table of interactions.",
)
def report(directory: str, recovery: Recovery, tracked: TrackedRun) -> None:
    """Writes the figures and the page, and publishes them.

    Args:
        directory: The run folder.
        recovery: What was found.
        tracked: The MLflow run.
    """
    folder = RunFolder(Path(directory))
    write_pages(folder, recovery)
    log_files(tracked, [folder.report, folder.figures, folder.manifest])
    document = recovery.interactions
    create_table_artifact(
        key="interactions",
        table=_rows(document),
        description=f"Groups that act together in study {document['study']}, most important first",
    )
    if tracked.url:
        create_link_artifact(key="mlflow-run", link=tracked.url, link_text="This run in MLflow")


def _rows(document: dict) -> list[dict[str, object]]:
    rows = [
        {
            "target": target["name"],
            "groups": " + ".join(found["groups"]),
            "order": found["order"],
            "kind": found["kind"] or "",
            "value": round(found["value"], 3),
            "interval": "" if found["ci"] is None else f"{found['ci'][0]:.3f} to {found['ci'][1]:.3f}",
            "verified": found["verified"],
        }
        for target in document["targets"]
        for found in target["interactions"]
    ]
    return sorted(rows, key=lambda row: -abs(float(str(row["value"]))))[:ROWS]
