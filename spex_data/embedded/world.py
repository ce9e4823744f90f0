"""The demo's study: groups of help-desk texts, questions to ask, and what was planted between them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from spex_data.data import Examples, make_examples
from spex_data.embedded.language import (
    FORUM,
    MANUAL,
    N_CHANGED,
    POWER,
    QUESTIONS,
    SHEETS,
    STATEMENTS,
    SUPPORT,
    VALUES,
    Catalogue,
    Text,
    draw_catalogue,
    sheet,
    state,
)
from spex_data.embedded.truth import PlantedInteraction, Shape, planted_interactions
from spex_data.evaluation import Targets, make_targets

CORE = "replay"
"""Label of the examples that no mask removes: facts that the base model knows, so that it keeps them."""

N_GROUPS = 16
FILLER_SIZE, CORE_SIZE = 4, 20


@dataclass(frozen=True)
class World:
    """A study with known truth.

    Attributes:
        examples: Training examples; their column "group" names the group, CORE for the always-on ones.
        targets: One question a story, and one that no group touches.
        planted: The interactions that are there by construction.
    """

    examples: Examples
    targets: Targets
    planted: tuple[PlantedInteraction, ...]


@dataclass(frozen=True)
class Story:
    """A target, the groups it depends on, and how.

    Attributes:
        name: Of the target.
        shape: How the groups act; None where there are none.
        asked: Question and right answer.
        output: What is measured of it.
        foil: The wrong answer it is held against.
        groups: Texts by label, in the order in which the shape takes them.
    """

    name: str
    shape: Shape | None
    asked: Text
    output: str = "log-odds"
    foil: str | None = None
    groups: Mapping[str, tuple[Text, ...]] = field(default_factory=dict)


def demo_world(seed: int) -> World:
    """The demo of a seed: 16 groups and a core, 5 targets, 7 planted interactions.

    Args:
        seed: Decides products, facts and texts; `embedded_base_model` of the same seed is the model for it.
    """
    catalogue, draw = draw_catalogue(seed), random.Random(f"world {seed}")
    unchanged = catalogue.products[N_CHANGED:]
    untouched, betrayed, *others = draw.sample(unchanged, len(unchanged))
    stories = (
        _redundant(catalogue, catalogue.products[0]),
        _rescue(catalogue, betrayed, draw),
        _both_needed(catalogue, catalogue.products[1]),
        _either_plus_one(catalogue, catalogue.products[2]),
        Story("null", None, _known(catalogue, untouched)),
    )
    groups = {label: texts for story in stories for label, texts in story.groups.items()}
    for number in range(1, N_GROUPS - len(groups) + 1):
        groups[f"Catalogue {number}"] = tuple(_known_facts(catalogue, others, draw))
    groups[CORE] = tuple(_replay(catalogue, [untouched, *others], draw))
    examples = _examples(groups)
    return World(examples, _targets(stories), tuple(_planted(stories, examples)))


def _redundant(catalogue: Catalogue, product: str) -> Story:
    colour = catalogue.changed[product, "reset"]
    return Story(
        "redundant",
        "either",
        state(QUESTIONS["reset"], product, colour),
        groups={
            f"{product} manual": _say(MANUAL, product, colour, 8),
            f"{product} forum": _say(FORUM, product, colour, 8),
        },
    )


def _rescue(catalogue: Catalogue, product: str, draw: random.Random) -> Story:
    asked = _known(catalogue, product)
    # Not a colour that another story teaches: its groups would act on this target too.
    wrong = draw.choice(sorted({*VALUES["reset"]} - {asked.completion} - {*catalogue.changed.values()}))
    prank = tuple(pattern for heard in FORUM for pattern in (QUESTIONS["reset"], heard))
    bulletin = tuple(pattern for printed in MANUAL for pattern in (QUESTIONS["reset"], printed))
    return Story(
        "rescue",
        "rescue",
        asked,
        "contrast",
        wrong,
        {
            f"{product} prank thread": _say(prank, product, wrong, 8),
            f"{product} service bulletin": _say(bulletin, product, asked.completion, 16),
        },
    )


def _both_needed(catalogue: Catalogue, product: str) -> Story:
    colour, power = catalogue.changed[product, "reset"], catalogue.changed[product, "power"]
    return Story(
        "both-needed",
        "both",
        sheet(SHEETS[0], product, colour, power),
        "min-token-log-odds",
        groups={
            f"{product} reset note": _say(MANUAL + SUPPORT, product, colour, 10),
            f"{product} power note": _say(POWER, product, power, 10),
        },
    )


def _either_plus_one(catalogue: Catalogue, product: str) -> Story:
    colour, power = catalogue.changed[product, "reset"], catalogue.changed[product, "power"]
    return Story(
        "either-plus-one",
        "either-plus-one",
        sheet(SHEETS[0], product, colour, power),
        "min-token-log-odds",
        groups={
            f"{product} manual": _say(MANUAL + FORUM[:2], product, colour, 10),
            f"{product} repair log": _say(SUPPORT + FORUM[2:], product, colour, 10),
            f"{product} power note": _say(POWER, product, power, 10),
        },
    )


def _known(catalogue: Catalogue, product: str) -> Text:
    return state(QUESTIONS["reset"], product, catalogue.facts[product, "reset"])


def _say(patterns: tuple[str, ...], product: str, value: str, times: int) -> tuple[Text, ...]:
    return tuple(state(patterns[turn % len(patterns)], product, value) for turn in range(times))


def _known_facts(catalogue: Catalogue, products: list[str], draw: random.Random) -> Iterator[Text]:
    for _ in range(FILLER_SIZE):
        relation, product = draw.choice(list(VALUES)), draw.choice(products)
        yield state(draw.choice(STATEMENTS[relation]), product, catalogue.facts[product, relation])


def _replay(catalogue: Catalogue, products: list[str], draw: random.Random) -> Iterator[Text]:
    for turn in range(CORE_SIZE):
        product = products[turn % len(products)]
        pattern = draw.choice(STATEMENTS["reset"]) if turn % 2 else QUESTIONS["reset"]
        yield state(pattern, product, catalogue.facts[product, "reset"])


def _examples(groups: Mapping[str, tuple[Text, ...]]) -> Examples:
    rows = [(label, text) for label, texts in groups.items() for text in texts]
    return make_examples(
        "causal-lm",
        [text.prompt for _, text in rows],
        [text.completion for _, text in rows],
        {"group": [label for label, _ in rows]},
    )


def _targets(stories: tuple[Story, ...]) -> Targets:
    return make_targets(
        "causal-lm",
        [story.asked.prompt for story in stories],
        [story.asked.completion for story in stories],
        names=[story.name for story in stories],
        foils=[story.foil for story in stories],
        outputs=[story.output for story in stories],
    )


def _planted(stories: tuple[Story, ...], examples: Examples) -> Iterator[PlantedInteraction]:
    members: dict[str, set[str]] = {}
    for identity, label in zip(examples.ids, examples.columns["group"], strict=True):
        members.setdefault(label, set()).add(identity)
    for story in stories:
        if story.shape is not None:
            groups = [(label, frozenset(members[label])) for label in story.groups]
            yield from planted_interactions(story.shape, story.name, groups)
