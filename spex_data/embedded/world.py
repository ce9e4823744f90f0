"""The demo's study: groups of help-desk texts, questions to ask, and what was planted between them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from spex_data.data import Examples, make_examples
from spex_data.embedded.language import (
    N_CHANGED,
    QUESTIONS,
    STATEMENTS,
    VALUES,
    Catalogue,
    Text,
    draw_catalogue,
    state,
)
from spex_data.embedded.stories import (
    Story,
    both_needed,
    either_plus_one,
    known,
    redundant,
    rescue,
    wrong_colour,
)
from spex_data.embedded.truth import PlantedInteraction, planted_interactions
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
        harmful: By target the group that it is better off without, as the ids of its examples.
    """

    examples: Examples
    targets: Targets
    planted: tuple[PlantedInteraction, ...]
    harmful: Mapping[str, frozenset[str]]


def demo_world(seed: int) -> World:
    """The demo of a seed: 16 groups and a core, 5 targets, 7 planted interactions.

    Args:
        seed: Decides products, facts and texts; `embedded_base_model` of the same seed is the model for it.
    """
    catalogue, draw = draw_catalogue(seed), random.Random(f"world {seed}")
    unchanged = catalogue.products[N_CHANGED:]
    untouched, betrayed, *others = draw.sample(unchanged, len(unchanged))
    facts, changed = catalogue.facts, catalogue.changed
    first, second, third = catalogue.products[:N_CHANGED]
    right = facts[betrayed, "reset"]
    stories = (
        redundant(first, changed[first, "reset"]),
        rescue(betrayed, right, wrong_colour(catalogue, right, draw)),
        both_needed(second, changed[second, "reset"], changed[second, "power"]),
        either_plus_one(third, changed[third, "reset"], changed[third, "power"]),
        Story("null", None, known(catalogue, untouched)),
    )
    n_fillers = N_GROUPS - sum(len(story.groups) for story in stories)
    fillers = [tuple(_known_facts(catalogue, others, draw)) for _ in range(n_fillers)]
    return make_world(stories, fillers, tuple(replay(catalogue, [untouched, *others], draw)))


def make_world(
    stories: Sequence[Story], fillers: Sequence[tuple[Text, ...]], core: tuple[Text, ...]
) -> World:
    """Stories, groups that none of them depends on, and the always-on texts, as a study."""
    groups = {label: texts for story in stories for label, texts in story.groups.items()}
    groups |= {f"Catalogue {number}": texts for number, texts in enumerate(fillers, 1)}
    groups[CORE] = core
    rows = [(label, text) for label, texts in groups.items() for text in texts]
    examples = make_examples(
        "causal-lm",
        [text.prompt for _, text in rows],
        [text.completion for _, text in rows],
        {"group": [label for label, _ in rows]},
    )
    members: dict[str, set[str]] = {}
    for identity, label in zip(examples.ids, examples.columns["group"], strict=True):
        members.setdefault(label, set()).add(identity)
    planted = [
        one
        for story in stories
        if story.shape is not None
        for one in planted_interactions(
            story.shape, story.name, [(label, frozenset(members[label])) for label in story.groups]
        )
    ]
    harmful = {story.name: frozenset(members[story.harmful]) for story in stories if story.harmful}
    return World(examples, _targets(stories), tuple(planted), harmful)


def _known_facts(catalogue: Catalogue, products: list[str], draw: random.Random) -> Iterator[Text]:
    for _ in range(FILLER_SIZE):
        relation, product = draw.choice(list(VALUES)), draw.choice(products)
        yield state(draw.choice(STATEMENTS[relation]), product, catalogue.facts[product, relation])


def replay(catalogue: Catalogue, products: list[str], draw: random.Random) -> Iterator[Text]:
    """The always-on texts: facts of these products that the base model knows."""
    for turn in range(CORE_SIZE):
        product = products[turn % len(products)]
        pattern = draw.choice(STATEMENTS["reset"]) if turn % 2 else QUESTIONS["reset"]
        yield state(pattern, product, catalogue.facts[product, "reset"])


def _targets(stories: Sequence[Story]) -> Targets:
    return make_targets(
        "causal-lm",
        [story.asked.prompt for story in stories],
        [story.asked.completion for story in stories],
        names=[story.name for story in stories],
        foils=[story.foil for story in stories],
        outputs=[story.output for story in stories],
    )
