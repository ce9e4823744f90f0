"""One self-contained page for people: what interacts, whether to believe it, and how to repeat it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from spex_data.errors import StoreError
from spex_data.reports.labels import inert
from spex_data.reports.page import compose_page
from spex_data.reports.page_parts import Page
from spex_data.reports.what_if import LEAST_AGREEMENT, WhatIf, script_data, told
from spex_data.values import write_whole

Status = Literal["whole", "half-done"]

_MEDIA = {".svg": "image/svg+xml", ".png": "image/png"}
STUDY = ""
"""The key of figures that show the whole study."""


@dataclass(frozen=True)
class Picture:
    """A figure inside the page.

    Attributes:
        kind: graph, heldout, heatmap or another name.
        source: A data URI.
        alt: What is to be seen, for who cannot see it.
        caption: How to read it.
    """

    kind: str
    source: str
    alt: str
    caption: str


def write_report(
    path: str | Path,
    document: Mapping[str, Any],
    *,
    judged: Mapping[str, Any] | None = None,
    figures: Mapping[str, Mapping[str, Path]] | None = None,
    group_texts: Sequence[Sequence[str]] | None = None,
    method: Mapping[str, str] | None = None,
    status: Status = "whole",
    what_if: Sequence[WhatIf] | None = None,
) -> None:
    """Writes report.html, whole or not at all.

    Args:
        path: Where to.
        document: Of interactions.json.
        judged: Of faithfulness.json; None if nothing was held out.
        figures: Of each target's name, and of STUDY, its pictures by kind: SVG or PNG files.
        group_texts: Of each group the texts or ids of its examples; None to show none.
        method: What was run, label by label; what repeats it is labelled "Repeat it with".
        status: half-done marks the page as that of a run that has not come to its end.
        what_if: Of each target what the page predicts from (`what_ifs`); None leaves the page without script,
            and a target whose terms do not fit (`LEAST_AGREEMENT`) is left out.

    Raises:
        StoreError: The document is none, a figure is not there, or the disk is full.
    """
    text = render_report(
        document,
        judged=judged,
        figures=figures,
        group_texts=group_texts,
        method=method,
        status=status,
        what_if=what_if,
    )
    write_whole(Path(path), text.encode("utf-8", "replace"))


def render_report(
    document: Mapping[str, Any],
    *,
    judged: Mapping[str, Any] | None = None,
    figures: Mapping[str, Mapping[str, Path]] | None = None,
    group_texts: Sequence[Sequence[str]] | None = None,
    method: Mapping[str, str] | None = None,
    status: Status = "whole",
    what_if: Sequence[WhatIf] | None = None,
) -> str:
    """The text of report.html, with the arguments of `write_report`."""
    page = compose_page(document, judged=judged, group_texts=group_texts)
    template = environment().get_template("report.html.jinja")
    known = dict(enumerate(what_if or ()))
    shown = {
        part.number: known[part.number]
        for part in page.targets
        if known and known[part.number].agreement >= LEAST_AGREEMENT
    }
    script = (Path(__file__).parent / "what_if.js").read_text() if shown else ""
    return template.render(
        page=page,
        what_if={number: told(one) for number, one in shown.items()},
        what_if_data=Markup(script_data(shown)),
        script=Markup(script),
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        pictures=_pictures(page, document, figures or {}),
        overview=[
            _picture(kind, file, "the study", "") for kind, file in (figures or {}).get(STUDY, {}).items()
        ],
        method={inert(label): inert(told) for label, told in (method or {}).items()},
        half_done=status == "half-done",
    )


def environment() -> Environment:
    """Every value is escaped, and a name that the template misspells is an error."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _pictures(
    page: Page, document: Mapping[str, Any], figures: Mapping[str, Mapping[str, Path]]
) -> dict[int, list[Picture]]:
    """The pictures of each target that the page shows, by its number."""
    names = {part.number: str(document["targets"][part.number]["name"]) for part in page.targets}
    return {
        part.number: [
            _picture(kind, file, part.name, part.largest)
            for kind, file in figures.get(names[part.number], {}).items()
        ]
        for part in page.targets
    }


def _picture(kind: str, file: Path, about: str, largest: str) -> Picture:
    alt, caption = {
        "graph": (
            f"Graph of the groups that act on {about}. Largest: {largest}. The tables hold the numbers.",
            "Solid lines join groups worth more together than apart, dashed lines groups worth less.",
        ),
        "heldout": (
            f"Predicted against measured values of {about} on masks that nothing was learned from.",
            "Each point is a held-out mask; on the diagonal the prediction is right.",
        ),
        "text": (
            f"The text with its units shaded, for {about}. Largest: {largest}. The tables hold the numbers.",
            "Blue units raise the value, orange ones lower it. Solid arcs join units worth more together"
            " than apart, dashed ones units worth less.",
        ),
        "grid": (
            f"Components by layer and head, for {about}. Largest: {largest}. The tables hold the numbers.",
            "Blue components raise the value, orange ones lower it. Solid lines join components worth more"
            " together than apart, dashed ones components worth less.",
        ),
        "prune": (
            "The value with so many components kept, by each rule. prune.json holds the numbers.",
            "What is left with so many components kept: by the expansion, and by rules that need none.",
        ),
        "heatmap": (
            "Heat map of the mean effect of each group on each target. The targets' tables hold the numbers.",
            "The mean effect of each group, target by target.",
        ),
    }.get(kind, (f"{kind} of {about}", kind))
    return Picture(kind, _data_uri(file), alt, caption)


def _data_uri(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise StoreError(
            f"cannot be read ({error.strerror or error})",
            where=str(file),
            instead="draw it again with `spex-data report`",
        ) from error
    media = _MEDIA.get(file.suffix.lower(), "application/octet-stream")
    return f"data:{media};base64,{base64.b64encode(content).decode()}"
