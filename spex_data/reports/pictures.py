"""Figures as they stand inside a page: data, words for who cannot see them, and how to read them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from spex_data.errors import StoreError
from spex_data.reports.page_parts import Page
from spex_data.reports.results import Results

_MEDIA = {".svg": "image/svg+xml", ".png": "image/png"}
STUDY = ""
"""The key of figures that show the whole study."""
GRAPH, HELDOUT = "graph", "heldout"
OF_LENSES = ("text", "grid")
"""Kinds that the page does not draw itself: they are seen, not only printed."""

Figures = Mapping[str, Mapping[str, Path]]


@dataclass(frozen=True)
class Picture:
    """A figure inside the page.

    Attributes:
        kind: GRAPH, HELDOUT or another name.
        source: A data URI.
        alt: What is to be seen, for who cannot see it.
        caption: How to read it.
    """

    kind: str
    source: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Words:
    """What is said of a picture that the page draws.

    Attributes:
        alt: What is to be seen, for who cannot see it.
        caption: How to read it.
    """

    alt: str
    caption: str


def target_pictures(page: Page, results: Results, figures: Figures) -> dict[int, list[Picture]]:
    """The figures of each target that the page shows, by its number."""
    names = {part.number: results.targets[part.number].name for part in page.targets}
    return {
        part.number: [
            _picture(kind, file, part.name, part.largest, page.retrained)
            for kind, file in figures.get(names[part.number], {}).items()
        ]
        for part in page.targets
    }


def study_pictures(figures: Figures) -> list[Picture]:
    """The figures of the whole study."""
    return [_picture(kind, file, "the study", "") for kind, file in figures.get(STUDY, {}).items()]


def words_of(kind: str, about: str, largest: str, *, retrained: bool = False) -> Words:
    """What is said of a picture.

    Args:
        kind: GRAPH, HELDOUT or another name.
        about: The target.
        largest: Its largest interactions, in words.
        retrained: Whether anything was retrained.
    """
    marked = "; ✓ was confirmed by retraining, ✗ refuted" if retrained else ""
    alt, caption = {
        GRAPH: (
            f"Graph of the groups that act on {about}. Largest: {largest}. The tables hold the numbers.",
            "Discs help on average, squares hurt; the larger, the more. Solid lines join groups worth more "
            "together than apart, dashed lines groups worth less; a box with several lines is a set of three "
            f"or more{marked}. Thin grey lines were not told from chance.",
        ),
        HELDOUT: (
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
    }.get(kind, (f"{kind} of {about}", kind))
    return Words(alt, caption)


def _picture(kind: str, file: Path, about: str, largest: str, retrained: bool = False) -> Picture:
    words = words_of(kind, about, largest, retrained=retrained)
    return Picture(kind, _data_uri(file), words.alt, words.caption)


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
