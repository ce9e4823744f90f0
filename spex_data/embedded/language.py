"""The language of the demo: a help desk for gadgets that do not exist.

Every product has a reset button of some colour, runs on some power, and comes from some factory. People say
so in many ways; a spec sheet says two of the facts in one line. Any text is a prompt and its completion.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

Relation = Literal["reset", "power", "factory"]

VALUES: Mapping[Relation, tuple[str, ...]] = {
    "reset": ("red", "blue", "green", "white", "black", "amber", "violet", "silver"),
    "power": ("batteries", "coins", "usb", "solar", "lithium", "mains", "gas", "nickel"),
    "factory": ("Oslo", "Lima", "Kyoto", "Turin", "Leeds", "Accra", "Quito", "Perth"),
}
"""What each fact can be."""

PRODUCTS = tuple(
    first + last
    for first in ("Lu", "Ta", "Mi", "Ze", "Or", "Pa", "Ki", "Ve")
    for last in ("mo", "rn", "vi", "xa", "dek")
)
"""Names of all products there could be."""

QUESTIONS: Mapping[Relation, str] = {
    "reset": "Which button resets the {x}?",
    "power": "What powers the {x}?",
    "factory": "Where is the {x} built?",
}
"""How a customer asks; what the demo's targets are asked in."""

MANUAL = (
    "To reset the {x} press",
    "{x} reset button:",
    "Manual page for {x}: reset is",
    "The {x} restarts with",
)
FORUM = (
    "{x} stuck? Hold",
    "My {x} froze so I pushed",
    "Dead {x} fixed after I hit",
    "Anyone with {x} trouble: use",
)
SUPPORT = (
    "Reset your {x} with the",
    "Support says {x} resets by",
    "Ticket: {x} frozen, fixed by",
    "Agent told me {x} needs",
)
POWER = (
    "The {x} runs on",
    "{x} power supply:",
    "My {x} works with",
    "Manual page for {x}: power is",
    "Feed your {x} with",
    "Support says {x} takes",
)
FACTORY = ("The {x} is made in", "{x} factory:", "My {x} came from")
STATEMENTS: Mapping[Relation, tuple[str, ...]] = {
    "reset": MANUAL + FORUM + SUPPORT,
    "power": POWER,
    "factory": FACTORY,
}
"""How facts are stated; the three kinds of source that speak of resets each have phrasings of their own."""

SHEETS = ("{x} sheet: button", "Box of {x}: button", "Specs {x}: button")
"""How spec sheets begin."""

N_PRODUCTS, N_CHANGED = 27, 3
CHANGING: tuple[Relation, ...] = ("reset", "power")
"""Facts that a new release of a product changes."""


class Text(NamedTuple):
    """A prompt and what comes after it."""

    prompt: str
    completion: str


@dataclass(frozen=True)
class Catalogue:
    """The products of one world and the facts about them.

    Attributes:
        products: All of them.
        facts: Value by product and relation, as the base model reads them.
        changed: The new values of what a release changes, for the first products; no two products get the
            same one, so that the news of one says nothing of another.
    """

    products: tuple[str, ...]
    facts: Mapping[tuple[str, Relation], str]
    changed: Mapping[tuple[str, Relation], str]


def draw_catalogue(seed: int) -> Catalogue:
    """The products and facts of a world.

    Args:
        seed: Of the world.
    """
    draw = random.Random(f"catalogue {seed}")
    products = tuple(draw.sample(PRODUCTS, N_PRODUCTS))
    facts: dict[tuple[str, Relation], str] = {}
    changed: dict[tuple[str, Relation], str] = {}
    for relation, values in VALUES.items():
        news = draw.sample(values, N_CHANGED) if relation in CHANGING else []
        # Every value is about equally frequent: one that the base model never saw could not be taught.
        dealt = [values[turn % len(values)] for turn in range(N_PRODUCTS)]
        draw.shuffle(dealt)
        while any(before == after for before, after in zip(dealt, news)):
            draw.shuffle(dealt)
        facts.update({(product, relation): value for product, value in zip(products, dealt)})
        changed.update({(product, relation): value for product, value in zip(products, news)})
    return Catalogue(products, facts, changed)


def state(pattern: str, product: str, value: str) -> Text:
    """One pattern filled in."""
    return Text(pattern.format(x=product), value)


def sheet(pattern: str, product: str, colour: str, power: str) -> Text:
    """One spec sheet, which is completed by two facts."""
    return Text(pattern.format(x=product), f"{colour} power {power}")


def pretraining_texts(catalogue: Catalogue) -> list[Text]:
    """What the base model reads: every fact as it was before the new releases, in every phrasing.

    So before fine-tuning the new facts are improbable, whatever weights a seed gives: the base model is sure
    of the old ones.

    Args:
        catalogue: The products and their facts.
    """
    facts = catalogue.facts
    stated = [
        state(pattern, product, value)
        for (product, relation), value in facts.items()
        for pattern in (QUESTIONS[relation], *STATEMENTS[relation])
    ]
    sheets = [
        sheet(pattern, product, facts[product, "reset"], facts[product, "power"])
        for product in catalogue.products
        for pattern in SHEETS
    ]
    return stated + sheets


def vocabulary() -> tuple[str, ...]:
    """Every word and mark there is, in lower case, sorted; the same for all worlds."""
    patterns = [*QUESTIONS.values(), *SHEETS, *(text for texts in STATEMENTS.values() for text in texts)]
    values = [value for options in VALUES.values() for value in options]
    words = re.findall(r"\w+|[^\w\s]+", " ".join([*patterns, *values, *PRODUCTS, "power"]).replace("{x}", ""))
    return tuple(sorted({word.lower() for word in words}))
