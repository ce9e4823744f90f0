"""One page of a study of many texts: each text shaded, and a link to its own page."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spex_data.reports.labels import inert, share
from spex_data.reports.results import TargetResult
from spex_data.reports.summaries import summary
from spex_data.reports.templates import filled
from spex_data.reports.words import belief
from spex_data.values import write_whole


@dataclass(frozen=True)
class TextEntry:
    """A text as the page shows it.

    Attributes:
        name: Of its target.
        text: All of it.
        answer: What was measured.
        n_units: Units masked.
        result: What was found.
        figure: SVG file.
        page: Address of its own page, from this one.
    """

    name: str
    text: str
    answer: str
    n_units: int
    result: TargetResult
    figure: Path
    page: str

    @property
    def r2(self) -> float | None:
        """On held-out masks, None if unknown."""
        return self.result.r2


def write_texts_page(
    path: Path, study: str, entries: Sequence[TextEntry], *, method: Mapping[str, str]
) -> None:
    """Writes report.html of a study of many texts, whole or not at all.

    Args:
        path: Where to.
        study: Its name.
        entries: In the order of the rows.
        method: What was run, label by label.
    """
    known = [one.r2 for one in entries if one.r2 is not None]
    mean = f"; mean R² {share(sum(known) / len(known))} on held-out masks" if known else ""
    text = filled(
        "texts",
        study=inert(study),
        verdict=f"{len(entries)} texts{mean}.",
        texts=[_shown(number, one) for number, one in enumerate(entries)],
        method={inert(label): inert(told) for label, told in method.items()},
    )
    write_whole(path, text.encode("utf-8", "replace"))


def _shown(number: int, one: TextEntry) -> dict[str, object]:
    judged = belief(one.result.r2, one.result.noise_ceiling)
    picture = base64.b64encode(one.figure.read_bytes()).decode()
    return {
        "number": number,
        "name": inert(one.name),
        "answer": inert(one.answer),
        "units": one.n_units,
        "sentence": summary(one.result),
        "belief": judged,
        "picture": f"data:image/svg+xml;base64,{picture}",
        "alt": f"The text: {inert(one.text[:400])}. {summary(one.result)}",
        "page": one.page,
    }
