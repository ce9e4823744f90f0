"""One self-contained page for people: what interacts, whether to believe it, and how to repeat it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from markupsafe import Markup

from spex_data.reports.live import Heldout, names_script
from spex_data.reports.page import MOST_WHOLE, compose_page
from spex_data.reports.pictures import Figures, study_pictures, target_pictures
from spex_data.reports.results import read_results
from spex_data.reports.sections import Contents, sections_of
from spex_data.reports.templates import filled, script
from spex_data.reports.what_if import WhatIf
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
        missing: What a half-done run still lacks, a sentence each.
        units: Of each target what its values are in, such as "log-odds".
        p: Share of masks that a group is in.
        heldout: Of each target its held-out masks.
        what_if: Of each target what the page predicts from (`what_ifs`); a target whose terms do not fit
            (`LEAST_AGREEMENT`) is left out.
        rounds: Of rounds.json, what each round of masks came to.
    """

    judged: Mapping[str, Any] | None
    figures: Figures | None
    group_texts: Sequence[Sequence[str]] | None
    method: Mapping[str, str] | None
    status: Status
    missing: Sequence[str]
    units: Sequence[str] | None
    p: float
    heldout: Sequence[Heldout] | None
    what_if: Sequence[WhatIf] | None
    rounds: Sequence[Mapping[str, Any]]


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
    results = read_results(document)
    page = compose_page(
        results,
        judged=extras.get("judged"),
        group_texts=extras.get("group_texts"),
        units=extras.get("units"),
        p=extras.get("p", 0.5),
    )
    figures = extras.get("figures") or {}
    numbers = [part.number for part in page.targets]
    contents = Contents(
        page=page,
        results=results,
        pictures=target_pictures(page, results, figures) if len(numbers) <= MOST_WHOLE else {},
        heldout=_shown(extras.get("heldout"), numbers),
        what_if=_shown(extras.get("what_if"), numbers),
        method=extras.get("method") or {},
        overview=study_pictures(figures),
        rounds=extras.get("rounds", ()),
    )
    scripts = _scripts() if numbers else ()
    return filled(
        "report",
        page=page,
        sections=sections_of(contents),
        names=names_script(results.groups),
        scripts=[Markup(one) for one in scripts],
        digests=[base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts],
        half_done=extras.get("status") == "half-done",
        missing=extras.get("missing") or (),
    )


def _shown(known: Sequence[Any] | None, numbers: Sequence[int]) -> dict[int, Any]:
    """Of what is known of all targets, that of those on the page."""
    return {number: known[number] for number in numbers} if known else {}


@lru_cache(maxsize=1)
def _scripts() -> tuple[str, ...]:
    """The bundled library, and what is ours."""
    own = "\n".join(script(f"{name}.js") for name in ("names", "graph", "heldout", "what_if", "start"))
    return script("../vendor/d3.min.js"), own
