"""What was found, for the terminal: readable at 80 columns, and without colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from spex_data.masks.lenses import LensWords
from spex_data.reports.labels import decimals, inert, interval, shorten, signed
from spex_data.reports.results import NOT_TESTED, Effect, Results, TargetResult, listing, read_results
from spex_data.reports.summaries import summary
from spex_data.reports.words import (
    SIGN_OPEN,
    SMALL,
    Belief,
    believed,
    controls,
    kind_word,
    retraining,
    unit_words,
    verification,
)

WIDE = 112
"""Columns from which an interaction takes one line."""
_STYLES = {"yes": "green", "partly": "yellow", "weak": "yellow", "no": "red", "unknown": "dim"}
_OUTCOMES = {"confirmed": "green", "refuted": "red", "uncertain": "yellow"}


@dataclass(frozen=True)
class PlantedRow:
    """A planted interaction beside what was recovered, in the same index.

    Attributes:
        target: Name of the target.
        groups: Labels of the groups.
        ideal: Index of the target's ideal shape, in units of the swing.
        swing: Between the shape's false and its true, in the target's unit; None if not measured.
        recovered: Index recovered; None if the interaction was not found.
        rank: Its place among the interactions of the target, from 1; None if it was not found.
        why: One sentence.
    """

    target: str
    groups: tuple[str, ...]
    ideal: float
    swing: float | None
    recovered: float | None
    rank: int | None
    why: str

    @property
    def expected(self) -> float | None:
        """The ideal in the target's unit; None without a swing."""
        return None if self.swing is None else self.ideal * self.swing

    @property
    def verdict(self) -> str:
        """found, wrong sign or not found."""
        if self.recovered is None or self.rank is None:
            return "not found"
        return "found" if self.recovered * self.ideal > 0 else "wrong sign"


def interactions_table(
    document: Mapping[str, Any],
    *,
    target: str | None = None,
    top: int = 10,
    width: int = 80,
    unit: str = "value",
) -> RenderableType:
    """The tables of interactions, one a target, each under a sentence and whether to believe it.

    Args:
        document: Of interactions.json.
        target: Only this one.
        top: Interactions listed of each target, and half as many single groups; effects below a twentieth
            of the largest (of the study, or of the target asked for) are counted and not listed.
        width: Columns of the terminal; 80 and more are readable.
        unit: What the values are, such as "log-odds".

    Raises:
        TargetError: There is no such target.
        StoreError: The document is none.
    """
    results = read_results(document)
    chosen = results.targets if target is None else (results.target(target),)
    parts: list[RenderableType] = []
    for result in chosen:
        floor = SMALL * (results.scale if target is None else result.scale)
        parts += [*_head(result, results), _effects(result, top, width, floor), Text()]
    marked = any(effect.reported is not None for result in chosen for effect in result.interactions)
    scaled = any(effect.scale_dependent for result in chosen for effect in result.interactions)
    tested = results.words.exact or any(map(_is_tested, chosen))
    open_signs = any(effect.sign_open for result in chosen for effect in result.interactions)
    parts.append(
        _reading(unit, results.words, tested=tested, marked=marked, scaled=scaled, open_signs=open_signs)
    )
    said = " ".join(sentence for sentence in (retraining(results), controls(results)) if sentence)
    if said and target is None:
        parts.append(Text(said, style="bold"))
    return Group(*parts)


def planted_table(rows: Sequence[PlantedRow], *, width: int = 80) -> RenderableType:
    """The planted truth beside what was recovered, in the same index and unit.

    Args:
        rows: In the order to show.
        width: Columns of the terminal.
    """
    held = sum(row.verdict == "found" for row in rows)
    headline = Text(f"{held} of {len(rows)} planted interactions found with the right sign", style="bold")
    words = ("planted", "truth", "recovered", "rank", "")
    parts: list[RenderableType] = [_line(width, *(Text(word, style="dim") for word in words))]
    for row in rows:
        parts += [_planted(row, width), Padding(Text(inert(row.why), style="dim"), (0, 0, 0, 2))]
    return Group(headline, Text(), *parts)


def _planted(row: PlantedRow, width: int) -> RenderableType:
    words = Text(f"{shorten(row.target, 30)}: ", style="bold")
    words.append(" x ".join(shorten(group, 30) for group in row.groups), style="not bold")
    truth = f"{signed(row.ideal)} swing" if row.expected is None else signed(row.expected)
    found = "-" if row.recovered is None else signed(row.recovered)
    verdict = Text(row.verdict, style="green" if row.verdict == "found" else "bold red")
    return _line(
        width, words, Text(truth), Text(found), Text("-" if row.rank is None else f"#{row.rank}"), verdict
    )


def _line(width: int, *cells: Text) -> RenderableType:
    """One line of a table that leaves room for prose between its lines."""
    table = Table.grid(padding=(0, 1, 0, 0))
    fixed = (11, 9, 4, 10)
    table.add_column(width=max(width - sum(fixed) - len(fixed), 20))
    for place, columns in enumerate(fixed):
        table.add_column(width=columns, justify="right" if place < 3 else "left", no_wrap=True)
    table.add_row(*cells)
    return table


def places_table(places: Sequence[tuple[str, str | Path]]) -> RenderableType:
    """Where everything is: a line a thing, paths whole so that they can be copied.

    Args:
        places: (what, path or address) in the order to show.
    """
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for what, where in places:
        table.add_row(Text(inert(what)), Text(inert(str(where))))
    return table


def _head(result: TargetResult, results: Results) -> list[RenderableType]:
    judged = believed(result)
    return [
        Text(shorten(result.name, 70), style="bold underline"),
        Text(summary(result, study_scale=results.scale), style="bold"),
        _judgement(judged, result),
    ]


def _judgement(judged: Belief, result: TargetResult) -> Text:
    words = Text(f"{judged.mark} {judged.word}", style=_STYLES[judged.level])
    words.append(f": {judged.sentence}; {verification(result)}", style="default")
    return words


def _effects(result: TargetResult, top: int, width: int, floor: float) -> RenderableType:
    together, alone = listing(result, top=top, floor=floor)
    listed = len(together) + len(alone)
    note = Text(_left_out(result, listed, floor), style="dim")
    if not listed:
        return note
    shown = _Shown(width >= WIDE, _is_tested(result), decimals(result.scale), width)
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False, padding=(0, 1, 0, 0)
    )
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column(result.words.many, min_width=shown.room, max_width=shown.room)
    table.add_column("kind", no_wrap=True, min_width=14)
    table.add_column("effect", justify="right", no_wrap=True, min_width=7 if shown.wide else 16)
    if shown.wide:
        table.add_column("interval", no_wrap=True, min_width=16)
    table.add_column("Moebius", justify="right", no_wrap=True, min_width=7)
    table.add_column("full", justify="right", no_wrap=True, min_width=7)
    if shown.wide and shown.tested:
        table.add_column("retrained", no_wrap=True)
    for rank, effect in enumerate(together, start=1):
        table.add_row(str(rank), *_cells(effect, shown))
    if together and alone:
        table.add_section()
    for effect in alone:
        table.add_row("", *_cells(effect, shown))
    return Group(table, note) if listed < len(result.effects) else table


@dataclass(frozen=True)
class _Shown:
    """How a target's table is laid out: columns of the terminal, decimals of its numbers."""

    wide: bool
    tested: bool
    places: int
    width: int

    @property
    def room(self) -> int:
        """Columns for the groups' names."""
        others = (66 if self.wide else 56) + (20 if self.wide and self.tested else 0)
        return min(max(self.width - others, 18), 90)


def _left_out(result: TargetResult, listed: int, floor: float) -> str:
    """How many effects have no line, and why."""
    small = sum(abs(effect.value) < floor for effect in result.effects)
    chance = sum(one.reported is False and abs(one.value) >= floor for one in result.interactions)
    past = len(result.effects) - listed - small - chance
    reasons = [f"{chance} not told from chance"] if chance else []
    reasons += [f"{small} below {signed(floor, decimals(floor))[1:]}"] if small else []
    reasons += [f"{past} past the last line"] if past else []
    return f"not listed: {', '.join(reasons)}" if reasons else "no effect was found"


def _cells(effect: Effect, shown: _Shown) -> list[Text]:
    """The cells of a row; a narrow one puts interval and verification on a second line."""
    tint = "blue" if effect.value > 0 else "yellow"
    mark = "*" if effect.reported and effect.order > 1 else ""
    value = Text(signed(effect.value, shown.places) + mark, style=f"bold {tint}")
    ci = interval(effect.ci, shown.places)
    kind = Text(kind_word(effect))
    outcome = (
        Text(_outcome(effect, shown), style=_OUTCOMES.get(effect.verified, "dim"))
        if effect.order > 1
        else Text()
    )
    ends = [Text("-" if end is None else signed(end, shown.places)) for end in (effect.moebius, effect.full)]
    if shown.wide:
        groups = Text(" x ".join(shorten(group, shown.room) for group in effect.groups))
        return [groups, kind, value, Text(ci or "unknown"), *ends, *([outcome] if shown.tested else [])]
    joints = ["  ", *["x "] * (effect.order - 1)]
    lines = [
        joint + shorten(group, shown.room - 2) for joint, group in zip(joints, effect.groups, strict=True)
    ]
    if shown.tested and effect.order > 1:
        kind.append("\n").append_text(outcome)
    if ci:
        value.append(f"\n{ci}", style="not bold dim")
    return [Text("\n".join(lines)), kind, value, *ends]


def _outcome(effect: Effect, shown: _Shown) -> str:
    """The verdict, on a wide terminal with what was observed; "~" marks a sign that depends on the scale."""
    mark = "~" if effect.scale_dependent else ""
    observed = f" {signed(effect.observed, shown.places)}" if effect.observed is not None else ""
    return f"{effect.verified}{mark}{observed if shown.wide else ''}"


def _reading(
    unit: str, lens: LensWords, *, tested: bool, marked: bool, scaled: bool, open_signs: bool
) -> Text:
    words = Text(style="dim")
    measured = "its target's own unit" if unit == "value" else unit_words(unit)
    words.append(
        f"effect: what the {lens.many} add together beyond their parts, in {measured}, mean over the "
        f"study's masks (lines without a number: single {lens.many})\n"
        f"Moebius: the same with no other {lens.one} present; full: with every other {lens.one} present"
    )
    if marked:
        words.append("\n*: stands out among all sets up to its size, at the study's false discovery rate")
    if open_signs:
        words.append(f"\n{SIGN_OPEN}: its interval holds 0, so which way it acts is not known")
    if scaled:
        words.append("\n~: the sign changes between log-odds, log-probability and probability")
    if not tested:
        words.append(f"\nverified by retraining: {NOT_TESTED}")
    return words


def _is_tested(result: TargetResult) -> bool:
    return any(effect.verified != NOT_TESTED for effect in result.interactions)
