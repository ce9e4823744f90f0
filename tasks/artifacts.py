"""What a run shows on Prefect's page: how far it is, what it will cost, what it found, where the rest is."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from prefect import get_run_logger
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from spex_data.masks.lenses import words_of
from spex_data.reports import Effect, TargetResult, read_results
from spex_data.reports.labels import shorten

ROWS = 100
"""Interactions in Prefect's table; interactions.json holds all that are reported."""
SECONDS_BETWEEN = 2.0
"""Between two movements of the progress artifact."""
MOST_PICTURES = 3
"""Targets whose interactions are drawn there; report.html draws all."""
_LARGEST_IMAGE = 400_000
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!<>|~])")
_NOT_IN_A_KEY = re.compile(r"[^a-z0-9]+")

Moved = Callable[[int, int], None]


def artifact_key(study: str, what: str) -> str:
    """The key of a study's artifact, which keeps the history of its runs: "demo-interactions"."""
    return f"{_NOT_IN_A_KEY.sub('-', study.lower()).strip('-')}-{what}"


@contextmanager
def progress_shown(study: str, total: int, done: int, work: str = "fine-tunes") -> Iterator[Moved]:
    """One bar on the flow's page that moves; the block gets a function of (done, failed).

    Args:
        study: Its name.
        total: Fine-tunes of the plan.
        done: How many of them are measured already.
        work: What is done with a mask.
    """
    shown: dict[str, Any] = {"id": None, "at": time.monotonic()}

    def words(done: int, failed: int) -> str:
        return f"{done:,} of {total:,} {work}" + (f", {failed:,} failed" if failed else "")

    def moved(done: int, failed: int) -> None:
        now = time.monotonic()
        if shown["id"] is None or (now - shown["at"] < SECONDS_BETWEEN and done < total):
            return
        shown["at"] = now
        with _if_prefect_answers():
            update_progress_artifact(shown["id"], 100 * done / total, description=words(done, failed))

    with _if_prefect_answers():
        shown["id"] = _id(
            create_progress_artifact(
                100 * done / max(1, total), key=artifact_key(study, "progress"), description=words(done, 0)
            )
        )
    yield moved


def show_plan(study: str, markdown: str) -> None:
    """The plan, as Markdown."""
    with _if_prefect_answers():
        create_markdown_artifact(markdown, key=artifact_key(study, "plan"), description="What it will cost")


def show_interactions(document: Mapping[str, Any]) -> None:
    """What was found: a table, the most important first."""
    study, rows = str(document["study"]), interaction_rows(document)
    many = words_of(document.get("lens", "data")).many.capitalize()
    words = "largest effect first" if rows else "none that can be told from chance"
    with _if_prefect_answers():
        create_table_artifact(
            table=rows,
            key=artifact_key(study, "interactions"),
            description=f"{many} that act together in study **{study}**: {words}",
        )


def show_table(study: str, what: str, rows: list[dict[str, Any]], *, description: str) -> None:
    """A table of a study's own."""
    with _if_prefect_answers():
        create_table_artifact(table=rows, key=artifact_key(study, what), description=description)


def show_figures(document: Mapping[str, Any], figures: Path) -> None:
    """What acts together on the targets of the largest interactions, and the heat map of all targets.

    In Markdown, which holds the pictures themselves: Prefect's page has no files, and under an image it
    prints the whole of its address.

    Args:
        document: What interactions.json holds.
        figures: Their folder.
    """
    many = words_of(document.get("lens", "data")).many
    heldout = {*figures.glob("target-*-heldout.png")}
    parts = []
    for number in list(dict.fromkeys(number for number, _, _ in _reported(document)))[:MOST_PICTURES]:
        name = _MARKDOWN.sub(r"\\\1", shorten(document["targets"][number]["name"], 80))
        paths = sorted({*figures.glob(f"target-{number:03d}-*.png")} - heldout)
        parts += [_picture(path, f"What acts together on {name}") for path in paths]
    parts.append(_picture(figures / "effects.png", f"Mean effects of single {many}, by target"))
    with _if_prefect_answers():
        if any(parts):
            create_markdown_artifact(
                "\n\n".join(filter(None, parts)),
                key=artifact_key(str(document["study"]), "figures"),
                description="The largest interactions first",
            )


def _picture(path: Path, heading: str) -> str:
    """A figure with its heading; nothing if it is not there or too large for a page."""
    if not path.is_file() or path.stat().st_size > _LARGEST_IMAGE:
        return ""
    picture = base64.b64encode(path.read_bytes()).decode()
    return f"### {heading}\n\n![{heading}](data:image/png;base64,{picture})"


def show_links(study: str, directory: str, mlflow_url: str | None, mlflow_uri: str) -> None:
    """Where the rest is: the run in MLflow, and its folder."""
    with _if_prefect_answers():
        if mlflow_url:
            create_link_artifact(
                mlflow_url,
                key=artifact_key(study, "mlflow"),
                link_text="This run in MLflow",
                description="Its parameters, curves, scores and files",
            )
        lines = [f"Folder of the run: `{directory}` (report.html, interactions.json, values.parquet)"]
        if mlflow_uri and not mlflow_url:
            lines.append(f"MLflow: `{mlflow_uri}`, shown by `spex-data ui` in the folder above `runs`")
        create_markdown_artifact("\n\n".join(lines), key=artifact_key(study, "files"), description="Files")


def interaction_rows(document: Mapping[str, Any]) -> list[dict[str, object]]:
    """Rows of the table of interactions, largest effect first, at most `ROWS`.

    Interactions that were tested and not told from chance are left out.
    """
    # Values of the other lenses are exact: nothing is retrained there.
    retrained = document.get("lens", "data") == "data"
    # The page cuts a wide table off at its right: what matters most stands first.
    return [
        {
            "target": target.name,
            "groups": " x ".join(effect.groups),
            "effect": f"{effect.value:+.2f}",
            **({"retrained": effect.verified} if retrained else {}),
            "90% interval": "" if effect.ci is None else f"{effect.ci[0]:+.2f} to {effect.ci[1]:+.2f}",
            "kind": effect.kind or f"order {effect.order}",
            "R2 of the target": "" if target.r2 is None else f"{target.r2:.2f}",
        }
        for _, target, effect in _reported(document)[:ROWS]
    ]


def _reported(document: Mapping[str, Any]) -> list[tuple[int, TargetResult, Effect]]:
    """(number of the target, target, interaction), largest effect first."""
    found = [
        (number, target, effect)
        for number, target in enumerate(read_results(document).targets)
        for effect in target.interactions
        if effect.reported is not False and effect.value
    ]
    return sorted(found, key=lambda one: -abs(one[2].value))


@contextmanager
def _if_prefect_answers() -> Iterator[None]:
    """An artifact that cannot be shown is no reason to lose a run."""
    try:
        yield
    except httpx.HTTPError as error:
        get_run_logger().warning("an artifact could not be shown (%s)", error)


def _id(created: object) -> UUID:
    return created if isinstance(created, UUID) else UUID(str(created))
