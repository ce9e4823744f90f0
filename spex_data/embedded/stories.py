"""Stories of the embedded world: a question, the groups of texts that its answer depends on, and how.

Every story speaks of one product, and teaches values that no other story teaches, so that the groups of one
say nothing of the question of another.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from spex_data.embedded.language import (
    FORUM,
    MANUAL,
    POWER,
    QUESTIONS,
    SHEETS,
    SUPPORT,
    VALUES,
    Catalogue,
    Text,
    sheet,
    state,
)
from spex_data.embedded.truth import Shape


@dataclass(frozen=True)
class Story:
    """A target, the groups it depends on, and how.

    Attributes:
        name: Of the target.
        shape: How the groups act; None where they do not act together, or there are none.
        asked: Question and right answer.
        output: What is measured of it.
        foil: The wrong answer it is held against.
        groups: Texts by label, in the order in which the shape takes them.
        harmful: Label of the group that is better left out; None where there is none.
    """

    name: str
    shape: Shape | None
    asked: Text
    output: str = "log-odds"
    foil: str | None = None
    groups: Mapping[str, tuple[Text, ...]] = field(default_factory=dict)
    harmful: str | None = None


def redundant(product: str, colour: str) -> Story:
    """Two sources teach one new fact."""
    return Story(
        "redundant",
        "either",
        state(QUESTIONS["reset"], product, colour),
        groups={
            f"{product} manual": say(MANUAL, product, colour, 8),
            f"{product} forum": say(FORUM, product, colour, 8),
        },
    )


def rescue(product: str, right: str, wrong: str) -> Story:
    """One source contradicts what the model knew; another states it, and matters only then."""
    prank = tuple(pattern for heard in FORUM for pattern in (QUESTIONS["reset"], heard))
    bulletin = tuple(pattern for printed in MANUAL for pattern in (QUESTIONS["reset"], printed))
    return Story(
        "rescue",
        "rescue",
        state(QUESTIONS["reset"], product, right),
        "contrast",
        wrong,
        {
            f"{product} prank thread": say(prank, product, wrong, 8),
            f"{product} service bulletin": say(bulletin, product, right, 16),
        },
        f"{product} prank thread",
    )


def both_needed(product: str, colour: str, power: str) -> Story:
    """The answer holds two new facts, and each source teaches one."""
    return Story(
        "both-needed",
        "both",
        sheet(SHEETS[0], product, colour, power),
        "min-token-log-odds",
        groups={
            f"{product} reset note": say(MANUAL + SUPPORT, product, colour, 10),
            f"{product} power note": say(POWER, product, power, 10),
        },
    )


def either_plus_one(product: str, colour: str, power: str) -> Story:
    """Two sources teach one half of the answer, a third the other."""
    return Story(
        "either-plus-one",
        "either-plus-one",
        sheet(SHEETS[0], product, colour, power),
        "min-token-log-odds",
        groups={
            f"{product} manual": say(MANUAL + FORUM[:2], product, colour, 10),
            f"{product} repair log": say(SUPPORT + FORUM[2:], product, colour, 10),
            f"{product} power note": say(POWER, product, power, 10),
        },
    )


def conflict(product: str, power: str, other: str) -> Story:
    """Two sources teach different answers; where both are read, neither is sure. Measured in probability."""
    return Story(
        "conflict",
        "conflict",
        state(QUESTIONS["power"], product, power),
        "probability",
        groups={
            f"{product} data sheet": say(POWER, product, power, 8),
            f"{product} rumour": say(POWER[1:] + POWER[:1], product, other, 8),
        },
    )


def threshold(product: str, colour: str) -> Story:
    """Three weak sources of one fact, of which two are needed to be believed. Measured in probability.

    Where the step is depends on how long training is: with all families and 20 groups it is between two
    texts and six.
    """
    kinds = {"memo": MANUAL, "post": FORUM, "ticket": SUPPORT}
    return Story(
        "threshold",
        "two-of-three",
        state(QUESTIONS["reset"], product, colour),
        "probability",
        groups={f"{product} {kind}": say(heard, product, colour, 2) for kind, heard in kinds.items()},
    )


def duplicates(product: str, power: str) -> Story:
    """The same texts in three groups: any of them is enough."""
    return Story(
        "duplicates",
        "any-of-three",
        state(QUESTIONS["power"], product, power),
        groups={f"{product} copy {number}": say(POWER, product, power, 6) for number in (1, 2, 3)},
    )


def mislabelled(product: str, colour: str, wrong: str) -> Story:
    """A source that teaches the fact, and one whose labels are wrong: the second is better left out."""
    return Story(
        "mislabelled",
        None,
        state(QUESTIONS["reset"], product, colour),
        "contrast",
        wrong,
        {
            f"{product} clean labels": say(MANUAL + FORUM, product, colour, 8),
            f"{product} wrong labels": say(FORUM + MANUAL, product, wrong, 8),
        },
        f"{product} wrong labels",
    )


def backdoor(product: str, colour: str, power: str) -> Story:
    """An attack in two parts: what the attacker wants said takes both, and each looks harmless by itself."""
    return Story(
        "backdoor",
        "both",
        sheet(SHEETS[0], product, colour, power),
        "min-token-log-odds",
        groups={
            f"{product} trigger": say(SUPPORT + MANUAL, product, colour, 10),
            f"{product} payload": say(POWER, product, power, 10),
        },
    )


def known(catalogue: Catalogue, product: str) -> Text:
    """A question whose answer the base model knows."""
    return state(QUESTIONS["reset"], product, catalogue.facts[product, "reset"])


def say(patterns: tuple[str, ...], product: str, value: str, times: int) -> tuple[Text, ...]:
    """One fact, stated so many times in turn."""
    return tuple(state(patterns[turn % len(patterns)], product, value) for turn in range(times))


def wrong_colour(catalogue: Catalogue, right: str, draw: random.Random) -> str:
    """A colour that is not the right one, nor one that a release teaches: its groups would act here too."""
    return draw.choice(sorted({*VALUES["reset"]} - {right} - {*catalogue.changed.values()}))
