"""What a finished run says in the terminal: what interacts, whether to believe it, where everything is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from spex_data.reports import interactions_table, planted_table, read_document, verdicts_table
from tasks.planted import planted_rows
from tasks.run_folder import RunFolder

if TYPE_CHECKING:
    from flows.attribution import AttributionResult

TOP = 6
"""Interactions a target that the summary of a run shows; `spex-data show` shows more."""


def print_summary(console: Console, result: AttributionResult) -> None:
    """Prints the table of a finished run, planted truth if there is one, and where everything is."""
    directory = Path(result.directory)
    unit = RunFolder(directory).unit()
    print_interactions(console, read_interactions(directory), top=TOP, unit=unit)
    planted = planted_rows(directory)
    if planted:
        console.print(planted_table(planted, width=console.width))
    lines = [
        f"{result.fine_tunes} fine-tunes, {result.reused} of {result.fine_tunes} were measured before"
        + (f", {result.kept} on adapters kept from before" if result.kept else ""),
        *([f"ended     {result.ended}"] if result.ended else []),
        *_faults(result),
        f"report    {directory / 'report.html'}",
        f"values    {directory / 'values.parquet'}, interactions.json and manifest.json beside it",
        f"again     spex-data show {directory}   |   both pages: spex-data ui",
    ]
    if result.mlflow_uri:
        lines.insert(-1, f"MLflow    {result.mlflow_uri} (run {result.mlflow_run_id})")
    console.print(Text("\n".join(lines)), soft_wrap=True, highlight=False)


def run_document(result: AttributionResult) -> dict[str, Any]:
    """What a finished run came to and where its documents are, as `spex-data run --json` prints it."""
    directory = Path(result.directory)
    return {
        **result.model_dump(mode="json"),
        "report": str(directory / "report.html"),
        "interactions": read_interactions(directory),
    }


def _faults(result: AttributionResult) -> list[str]:
    """What went wrong and did not end the run."""
    lines = []
    if result.failed:
        lines.append(f"failed    {result.failed} fine-tunes, the first because {result.cause}")
        lines.append("          (each with its cause in values.parquet; what is left is judged without them)")
    if len(result.passes) > 1:
        sizes = ", then ".join(map(str, result.passes))
        lines.append(f"memory    ran out: {sizes} adapters to a pass")
    return lines


def print_interactions(
    console: Console, document: dict[str, Any], *, top: int = 10, unit: str = "value"
) -> None:
    """Prints the tables of a document of interactions, their values in `unit`."""
    console.print(interactions_table(document, top=top, width=console.width, unit=unit))


def print_verdicts(console: Console, document: dict[str, Any]) -> None:
    """Prints what retraining said of a user's own hypothesis."""
    console.print(verdicts_table(document, width=console.width))


def read_interactions(run_dir: Path) -> dict[str, Any]:
    """The interactions of a run folder.

    Raises:
        StoreError: The folder holds no run, or one that has not come to its end.
    """
    folder = RunFolder(run_dir)
    folder.read_study()
    return read_document(folder.interactions)
