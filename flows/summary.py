"""What a finished run says in the terminal: what interacts, whether to believe it, where everything is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shlex import join
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from spex_data.reports import interactions_table, planted_table, read_document, verdicts_table
from spex_data.reports.labels import inert
from spex_data.reports.prune_words import prune_words
from tasks.planted import planted_rows
from tasks.run_folder import RunFolder
from tasks.text_folders import texts_of

if TYPE_CHECKING:
    from flows.attribution import AttributionResult

TOP = 6
"""Interactions a target that the summary of a run shows; `spex-data show` shows more."""


def print_summary(console: Console, result: AttributionResult) -> None:
    """Prints the table of a finished run, planted truth if there is one, and where everything is."""
    directory = Path(result.directory)
    folder = RunFolder(directory)
    study = folder.read_study()
    print_run(console, folder, top=TOP)
    planted = planted_rows(directory)
    if planted:
        console.print(planted_table(planted, width=console.width))
    lines = [
        f"{result.fine_tunes} {study.words.work}, {result.reused} of {result.fine_tunes} were measured before"
        + (f", {result.kept} on adapters kept from before" if result.kept else ""),
        *([f"ended     {result.ended}"] if result.ended else []),
        *_faults(result),
        f"report    {directory / 'report.html'}",
        f"values    {_values(folder)}, interactions.json and manifest.json beside it",
        *_pages(folder, result),
        f"again     {join(['spex-data', 'show', str(directory)])}   |   both pages: {_ui(directory.parent)}",
    ]
    console.print(Text("\n".join(lines)), soft_wrap=True, highlight=False)


def _ui(runs: Path) -> str:
    """The command that shows both pages of a folder of runs."""
    return join(["spex-data", "ui", *([] if runs == Path("runs") else ["--runs", str(runs)])])


def _pages(folder: RunFolder, result: AttributionResult) -> list[str]:
    """Where the run is in MLflow and Prefect: its pages, as far as there are any."""
    this = folder.read_manifest()["executions"][-1]
    mlflow = this["mlflow_url"] or f"{result.mlflow_uri} (run {result.mlflow_run_id})"
    return [
        *([f"MLflow    {mlflow}"] if result.mlflow_uri else []),
        *([f"Prefect   {this['prefect_url']}"] if this["prefect_url"] else []),
    ]


def _values(folder: RunFolder) -> Path:
    """Where values are: one table, or one a text."""
    texts = texts_of(folder)
    return texts[0][1].values if texts else folder.values


def print_run(
    console: Console,
    folder: RunFolder,
    *,
    top: int,
    choose: Callable[[dict[str, Any]], dict[str, Any]] = lambda document: document,
) -> list[dict[str, Any]]:
    """Prints what a run found: the tables of its targets, of each of its texts, and what pruning gave.

    Args:
        console: Where.
        folder: Of the run.
        top: Interactions a target.
        choose: What of a document is shown.

    Returns:
        The documents shown.
    """
    shown = []
    for name, one in texts_of(folder) or [("", folder)]:
        document = choose(read_interactions(one.directory))
        shown.append(document)
        if not document["targets"]:
            continue
        if name:
            console.print(Text(f"text: {inert(name)}", style="reverse"))
        print_interactions(console, document, top=top, unit=one.unit())
    if folder.prune.is_file():
        for line in prune_words(read_document(folder.prune)):
            console.print(Text(line), soft_wrap=True, highlight=False)
    return shown


def run_document(result: AttributionResult) -> dict[str, Any]:
    """What a finished run came to and where its documents are, as `spex-data run --json` prints it."""
    directory = Path(result.directory)
    return {
        **result.model_dump(mode="json"),
        "report": str(directory / "report.html"),
        **documents_of(RunFolder(directory)),
    }


def documents_of(folder: RunFolder) -> dict[str, Any]:
    """The documents of a run: its interactions, or those of each of its texts, and what pruning gave."""
    texts = texts_of(folder)
    if texts:
        return {"texts": [{"name": name, **documents_of(one)} for name, one in texts]}
    found: dict[str, Any] = {"interactions": read_interactions(folder.directory)}
    if folder.prune.is_file():
        found["prune"] = read_document(folder.prune)
    return found


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
