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

from spex_data.reports.clusters import Cluster, target_clusters
from spex_data.reports.effect_rows import MINUS, NAME_CELLS
from spex_data.reports.effects_map import effects_map
from spex_data.reports.labels import inert, listed, share, shorten, signed
from spex_data.reports.live import Heldout, graph_data, heldout_data, packed, target_script
from spex_data.reports.page import MOST_WHOLE
from spex_data.reports.page_parts import Page, TargetPart
from spex_data.reports.pictures import GRAPH, HELDOUT, OF_LENSES, Picture, words_of
from spex_data.reports.results import Results
from spex_data.reports.templates import filled
from spex_data.reports.what_if import LEAST_AGREEMENT, WhatIf, told

Values = Mapping[str, Any]

FIRST = 12
"""Of a packed page's targets, those with most to say stand at the top."""


@dataclass(frozen=True)
class Contents:
    """What the sections of a page are made of.

    Attributes:
        page: The study in words and places.
        results: What was found.
        pictures: Of each target, by its number, its figures for print and for readers without scripts.
        heldout: Of each target, by its number, its held-out masks.
        what_if: Of each target, by its number, what the page predicts from.
        method: What was run, label by label.
        overview: Figures of the whole study.
        rounds: Of rounds.json, what each round came to.
    """

    page: Page
    results: Results
    pictures: Mapping[int, Sequence[Picture]] = field(default_factory=dict)
    heldout: Mapping[int, Heldout] = field(default_factory=dict)
    what_if: Mapping[int, WhatIf] = field(default_factory=dict)
    method: Mapping[str, str] = field(default_factory=dict)
    overview: Sequence[Picture] = ()
    rounds: Sequence[Values] = ()


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


def answers(contents: Contents) -> Values:
    """Every target in a sentence, and whether to believe it; of many targets the first."""
    shown = contents.page.targets
    if len(shown) <= MOST_WHOLE:
        return {"shown": shown, "hidden": 0}
    loudest = sorted(shown, key=lambda one: -contents.results.targets[one.number].loudness)[:FIRST]
    return {"shown": loudest, "hidden": len(shown) - len(loudest)}


def across(contents: Contents) -> Values | None:
    """Which groups act on which targets, and which targets depend on the same interactions."""
    results = contents.results
    if len(results.targets) < 2 or not any(one.effects for one in results.targets):
        return None
    clusters = target_clusters(results)
    first = [number for one in clusters for number in one.targets]
    drawn = effects_map(results, first=first)
    labels = [shorten(results.targets[number].name, 24) or f"target {number}" for number in drawn.targets]
    on_page = {one.number for one in contents.page.targets}
    return {
        "map": drawn,
        "map_left": listed(
            [
                f"{count} {word}"
                for count, word in zip(drawn.left_out, (results.words.many, "targets"), strict=True)
                if count
            ]
        ),
        "columns": list(zip(drawn.targets, labels, strict=True)),
        "labels": [shorten(name, 28) for name in results.groups],
        "linked": on_page,
        "clusters": [_told_cluster(one, results) for one in clusters],
    }


def overview(contents: Contents) -> Values | None:
    """What is said of the whole study in pictures, such as what pruning leaves."""
    return {"pictures": contents.overview} if contents.overview else None


def targets(contents: Contents) -> Values | None:
    """Target by target, part by part; of many, each is packed until it is opened."""
    shown = contents.page.targets
    if not shown:
        return None
    bodies = [(one, Markup("").join(parts_of(contents, one))) for one in shown]
    if len(shown) <= MOST_WHOLE:
        return {"whole": bodies, "folded": []}
    return {"whole": [], "folded": [(one, Markup(packed(body))) for one, body in bodies]}


def rounds(contents: Contents) -> Values | None:
    """What was known after each round of masks, and why there was no further one."""
    if not contents.rounds:
        return None
    last = contents.rounds[-1]
    return {
        "rows": [_told_round(one) for one in contents.rounds],
        "widths": any(one.get("ci_width") is not None for one in contents.rounds),
        "ended": f"{inert(last['why'])[:1].upper()}{inert(last['why'])[1:]}."
        if last.get("stop")
        else "The study has not ended yet.",
    }


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
    """A target's graph and its held-out masks, with what its scripts draw them from."""
    graph = graph_data(contents.results.targets[target.number])
    one = contents.heldout.get(target.number)
    heldout = None if one is None else heldout_data(one)
    drawn = contents.pictures.get(target.number, ())
    return {
        "data": target_script(graph, heldout, _offered(contents, target)),
        "graph": None
        if graph is None
        else words_of(GRAPH, target.name, target.largest, retrained=contents.page.retrained),
        "heldout": None if heldout is None else words_of(HELDOUT, target.name, target.largest),
        "n_heldout": 0 if heldout is None else len(heldout["actual"]),
        "seen": [one for one in drawn if one.kind in OF_LENSES],
        "still": [one for one in drawn if one.kind not in OF_LENSES],
    }


def together(_: Contents, __: TargetPart) -> Values:
    """What groups do together."""
    return {}


def what_if(contents: Contents, target: TargetPart) -> Values | None:
    """The value predicted for groups of one's own choice."""
    one = _offered(contents, target)
    return None if one is None else {"told": told(one)}


def alone(_: Contents, target: TargetPart) -> Values | None:
    """What single groups do."""
    return {} if target.alone else None


SECTIONS: tuple[Callable[[Contents], Values | None], ...] = (
    answers,
    across,
    overview,
    targets,
    rounds,
    groups,
    reading,
    method,
)
PARTS: tuple[Callable[[Contents, TargetPart], Values | None], ...] = (pictures, together, what_if, alone)


def _offered(contents: Contents, target: TargetPart) -> WhatIf | None:
    """What a prediction is made from; not from terms that would mislead."""
    one = contents.what_if.get(target.number)
    return one if one is not None and one.agreement >= LEAST_AGREEMENT else None


def _told_round(one: Values) -> Values:
    """A round in the words of its row."""
    low, high = one.get("r2_low"), one.get("r2_high")
    return {
        "round": one["round"],
        "masks": one["masks"],
        "measured": one["fine_tunes"],
        "r2": share(one["r2"], minus=MINUS),
        "interval": None if low is None else f"{share(low, minus=MINUS)} to {share(high, minus=MINUS)}",
        "ceiling": share(one["noise_ceiling"]),
        "width": "unknown" if one.get("ci_width") is None else signed(one["ci_width"])[1:],
    }


def _told_cluster(cluster: Cluster, results: Results) -> Values:
    """A cluster in words: its targets, and the interactions they share with the span of their effects."""
    named = [(number, shorten(results.targets[number].name, 32)) for number in cluster.targets]
    shared = []
    for effect, (low, high) in zip(cluster.shared, cluster.spans, strict=True):
        names = " × ".join(shorten(name, NAME_CELLS) for name in effect.groups)
        ends = [signed(end, minus=MINUS) for end in (low, high)]
        shared.append((names, ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"))
    return {"targets": named, "shared": shared}
