"""Last stage: figures and the page for people, and the same in MLflow and Prefect."""

from __future__ import annotations

from pathlib import Path

from prefect import get_run_logger, task

from spex_data.reports import Recovery
from tasks.artifacts import show_figures, show_interactions, show_links
from tasks.layout import record_effects
from tasks.pages import write_pages
from tasks.retries import TASK_OPTIONS
from tasks.run_folder import RunFolder
from tasks.tracking import TrackedRun, log_files


@task(
    name="report",
    task_run_name="write the report",
    description="Draw the figures, write report.html, and publish both with the table of interactions.",
    tags=["decode"],
    **TASK_OPTIONS,
)
def report(directory: str, recovery: Recovery, tracked: TrackedRun) -> None:
    """Writes the figures and the page, and publishes them.

    Args:
        directory: The run folder.
        recovery: What was found.
        tracked: The MLflow run.
    """
    folder, document = RunFolder(Path(directory)), recovery.interactions
    write_pages(folder, recovery)
    log_files(tracked, [folder.report, folder.figures, folder.manifest])
    record_effects(tracked, document)
    show_interactions(document)
    show_figures(document, folder.figures)
    show_links(document["study"], str(folder.directory.resolve()), tracked.url, tracked.uri)
    get_run_logger().info("written: %s", folder.report.resolve())
