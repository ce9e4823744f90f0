"""The page section by section: each is a function here and a template of its name.

A section takes what the page is made of and gives the values of its template, or None where there is nothing
to say; what a target shows is made of parts in the same way. To add one, write the function, the template in
`templates` or `templates/parts`, and its place in `SECTIONS` or `PARTS`; data comes in by `Contents`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from spex_data.reports.labels import inert
from spex_data.reports.page_parts import Page, TargetPart
from spex_data.reports.pictures import Picture
from spex_data.reports.templates import filled
from spex_data.reports.what_if import LEAST_AGREEMENT, WhatIf, told

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Contents:
    """What the sections of a page are made of.

    Attributes:
        page: The study in words and places.
        overview: Pictures of the whole study.
        pictures: Of each target, by its number, its pictures.
        what_if: Of each target, by its number, what the page predicts from.
        method: What was run, label by label.
    """

    page: Page
    overview: Sequence[Picture] = ()
    pictures: Mapping[int, Sequence[Picture]] = field(default_factory=dict)
    what_if: Mapping[int, WhatIf] = field(default_factory=dict)
    method: Mapping[str, str] = field(default_factory=dict)


def sections_of(contents: Contents) -> list[Markup]:
    """The sections that have something to say, in order, as HTML."""
    made = ((make.__name__, make(contents)) for make in SECTIONS)
    return [filled(name, page=contents.page, **values) for name, values in made if values is not None]


def parts_of(contents: Contents, target: TargetPart) -> list[Markup]:
    """The parts of a target that have something to say, in order, as HTML."""
    made = ((make.__name__, make(contents, target)) for make in PARTS)
    return [
        filled(f"parts/{name}", page=contents.page, target=target, **values)
        for name, values in made
        if values is not None
    ]


def answers(_: Contents) -> Values:
    """Every target in a sentence, and whether to believe it."""
    return {}


def overview(contents: Contents) -> Values | None:
    """Pictures of the whole study."""
    return {"pictures": contents.overview} if contents.overview else None


def targets(contents: Contents) -> Values | None:
    """Target by target, part by part."""
    shown = contents.page.targets
    return {"targets": [(one, parts_of(contents, one)) for one in shown]} if shown else None


def groups(_: Contents) -> Values:
    """Every group with examples of its texts."""
    return {}


def reading(_: Contents) -> Values:
    """What the words and numbers of the page mean."""
    return {}


def method(contents: Contents) -> Values | None:
    """What was run, and the command that repeats it."""
    if not contents.method:
        return None
    return {"method": {inert(label): inert(words) for label, words in contents.method.items()}}


def pictures(contents: Contents, target: TargetPart) -> Values | None:
    """A target's figures."""
    found = contents.pictures.get(target.number)
    return {"pictures": found} if found else None


def together(_: Contents, __: TargetPart) -> Values:
    """What groups do together."""
    return {}


def what_if(contents: Contents, target: TargetPart) -> Values | None:
    """The value predicted for groups of one's own choice; not from terms that would mislead."""
    one = contents.what_if.get(target.number)
    return {"told": told(one)} if one is not None and one.agreement >= LEAST_AGREEMENT else None


def alone(_: Contents, target: TargetPart) -> Values | None:
    """What single groups do."""
    return {} if target.alone else None


SECTIONS: tuple[Callable[[Contents], Values | None], ...] = (
    answers,
    overview,
    targets,
    groups,
    reading,
    method,
)
PARTS: tuple[Callable[[Contents, TargetPart], Values | None], ...] = (pictures, together, what_if, alone)
