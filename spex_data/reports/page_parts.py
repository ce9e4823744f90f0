"""The parts of a study's page, in words and places, as its template takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spex_data.masks.lenses import WORDS, LensWords
from spex_data.reports.words import Belief


@dataclass(frozen=True)
class GroupName:
    """A group where it is mentioned.

    Attributes:
        number: Its identity.
        label: Short enough for a table.
        whole: All of its name.
    """

    number: int
    label: str
    whole: str


@dataclass(frozen=True)
class Row:
    """An effect as the page shows it.

    Attributes:
        rank: Place among the interactions; None for a single group.
        groups: Who acts.
        kind: In a word.
        sign: "plus", "minus" or "zero".
        sure: Whether its interval is known and does not hold 0.
        reported: Whether it is in the list of the study's false discovery rate.
        chance: Whether it was tested, not told from chance, and not retrained either.
        value, interval, moebius, full: Numbers in words; an unknown one says so.
        at, low, high: Places of value and interval on the row's scale, 0 to 100 with nothing at 50.
        verified: What retraining said.
        observed: What it gave, in words; empty if there was none.
    """

    rank: int | None
    groups: tuple[GroupName, ...]
    kind: str
    sign: str
    sure: bool
    reported: bool
    chance: bool
    value: str
    interval: str
    moebius: str
    full: str
    at: float
    low: float | None
    high: float | None
    verified: str
    observed: str = ""


@dataclass(frozen=True)
class TargetPart:
    """A target as the page shows it.

    Attributes:
        number: Place in the document, which its anchor is named after.
        name: The target's.
        sentence: What was found.
        belief: Whether to believe it.
        r2, ceiling: Places of both on a bar, 0 to 100; None if unknown.
        scores: R2 against its ceiling in a few characters.
        judged: What it was judged by, in words.
        verification: How many interactions were retrained.
        retrained: The same in three words; empty where values are exact.
        method: Decoder and masks.
        together, alone: Interactions and main effects, largest first.
        hidden, hidden_alone: How many of each are not among them.
        power: What would have been found, in words, where nothing was; else empty.
        largest: The largest interactions in words, for who cannot see the graph.
    """

    number: int
    name: str
    sentence: str
    belief: Belief
    r2: float | None
    ceiling: float | None
    scores: str
    judged: str
    verification: str
    retrained: str
    method: str
    together: tuple[Row, ...]
    alone: tuple[Row, ...]
    hidden: int
    hidden_alone: int
    largest: str
    power: str = ""


@dataclass(frozen=True)
class GroupPart:
    """A group with what is in it.

    Attributes:
        number: Its identity.
        name: All of its name.
        size: Examples, None if no text is shown.
        texts: The first of them.
        more: Those behind a click.
        left_out: How many are not on the page.
    """

    number: int
    name: str
    size: int | None
    texts: tuple[str, ...]
    more: tuple[str, ...]
    left_out: int


@dataclass(frozen=True)
class Page:
    """A study as its page shows it.

    Attributes:
        study: Its name.
        verdict: What came of retraining, and how many targets can be believed.
        unit: What effects are measured in, a sentence; empty if unknown.
        check: How the sets fared that should do nothing; empty if none was retrained.
        facts: Groups, targets and masks, each a number and a word.
        targets: Those shown, in the document's order.
        hidden_targets: How many are not shown.
        groups: All groups.
        has_texts: Whether any text is shown.
        kinds: Kinds of pairs and what they mean.
        retrained: Whether anything was verified.
        refuted: Whether nothing of what was verified held up.
        words: What the groups are called.
    """

    study: str
    verdict: str
    check: str
    unit: str
    facts: tuple[tuple[str, str], ...]
    targets: tuple[TargetPart, ...]
    hidden_targets: int
    groups: tuple[GroupPart, ...]
    has_texts: bool
    kinds: Mapping[str, str]
    retrained: bool = False
    refuted: bool = False
    words: LensWords = WORDS["data"]
