"""One self-contained page for people: what interacts, whether to believe it, and how to repeat it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from markupsafe import Markup

from spex_data.reports.page import compose_page
from spex_data.reports.pictures import Figures, study_pictures, target_pictures
from spex_data.reports.sections import Contents, sections_of
from spex_data.reports.templates import filled, script
from spex_data.reports.what_if import LEAST_AGREEMENT, WhatIf, script_data
from spex_data.values import write_whole

Status = Literal["whole", "half-done"]


class Extras(TypedDict, total=False):
    """What a page says besides the document; each may be left out.

    Attributes:
        judged: Of faithfulness.json; None if nothing was held out.
        figures: Of each target's name, and of STUDY, its pictures by kind: SVG or PNG files.
        group_texts: Of each group the texts or ids of its examples; None to show none.
        method: What was run, label by label; what repeats it is labelled "Repeat it with".
        status: half-done marks the page as that of a run that has not come to its end.
        what_if: Of each target what the page predicts from (`what_ifs`); a target whose terms do not fit
            (`LEAST_AGREEMENT`) is left out.
    """

    judged: Mapping[str, Any] | None
    figures: Figures | None
    group_texts: Sequence[Sequence[str]] | None
    method: Mapping[str, str] | None
    status: Status
    what_if: Sequence[WhatIf] | None


def write_report(path: str | Path, document: Mapping[str, Any], **extras: Unpack[Extras]) -> None:
    """Writes report.html, whole or not at all.

    Args:
        path: Where to.
        document: Of interactions.json.
        extras: What the page says besides it.

    Raises:
        StoreError: The document is none, a figure is not there, or the disk is full.
    """
    write_whole(Path(path), render_report(document, **extras).encode("utf-8", "replace"))


def render_report(document: Mapping[str, Any], **extras: Unpack[Extras]) -> str:
    """The text of report.html, with the arguments of `write_report`."""
    page = compose_page(document, judged=extras.get("judged"), group_texts=extras.get("group_texts"))
    figures = extras.get("figures") or {}
    known = dict(enumerate(extras.get("what_if") or ()))
    shown = {
        part.number: known[part.number]
        for part in page.targets
        if known and known[part.number].agreement >= LEAST_AGREEMENT
    }
    contents = Contents(
        page=page,
        overview=study_pictures(figures),
        pictures=target_pictures(page, document, figures),
        what_if=shown,
        method=extras.get("method") or {},
    )
    own = script("what_if.js") if shown else ""
    return filled(
        "report",
        page=page,
        sections=sections_of(contents),
        what_if_data=Markup(script_data(shown)),
        script=Markup(own),
        script_digest=base64.b64encode(hashlib.sha256(own.encode()).digest()).decode(),
        half_done=extras.get("status") == "half-done",
    )
