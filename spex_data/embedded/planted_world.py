"""Studies of real texts with known truth, to measure attribution on: families, sizes, difficulty, noise.

The pure functions of the same families are in `spex_data.value_functions.planted_families`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal, get_args

from spex_data.embedded.language import (
    N_CHANGED,
    STATEMENTS,
    VALUES,
    Catalogue,
    Relation,
    Text,
    draw_catalogue,
    state,
)
from spex_data.embedded.stories import (
    Story,
    backdoor,
    conflict,
    duplicates,
    mislabelled,
    redundant,
    rescue,
    threshold,
)
from spex_data.embedded.world import FILLER_SIZE, World, make_world, replay
from spex_data.errors import ConfigError

TextFamily = Literal["redundancy", "rescue", "conflict", "threshold", "duplicates", "mislabelled", "backdoor"]
TEXT_FAMILIES: tuple[TextFamily, ...] = get_args(TextFamily)

_TAUGHT: Mapping[TextFamily, tuple[Relation, ...]] = {
    "redundancy": ("reset",),
    "rescue": ("reset",),
    "conflict": ("power", "power"),
    "threshold": ("reset",),
    "duplicates": ("power",),
    "mislabelled": ("reset", "reset"),
    "backdoor": ("reset", "power"),
}
"""Of each family what its values are of; each is taught by one story alone."""
_TOLD: Mapping[TextFamily, Callable[..., Story]] = {
    "redundancy": redundant,
    "conflict": conflict,
    "threshold": threshold,
    "duplicates": duplicates,
    "mislabelled": mislabelled,
    "backdoor": backdoor,
}


def planted_world(
    families: Sequence[TextFamily] = TEXT_FAMILIES,
    *,
    n_groups: int = 20,
    difficulty: float = 0.0,
    noise: float = 0.0,
    seed: int = 0,
) -> World:
    """A study of the given families, one story and one target each; the model is `embedded_base_model(seed)`.

    Args:
        families: Each at most once.
        n_groups: 8 to 64: groups of the stories, and beside them groups that repeat known facts.
        difficulty: Share of the texts of those other groups that speak of a story's product instead, and
            say one of the values that its groups teach: small effects of many groups, that the
            interactions have to be told from.
        noise: Share of the stories' texts whose value is replaced by a random one of its kind.
        seed: Of products, facts and texts.

    Raises:
        ConfigError: Too few or too many groups, a family twice, or a share outside [0, 1].
    """
    _check(families, difficulty, noise)
    catalogue, draw = draw_catalogue(seed), random.Random(f"planted {seed}")
    stories = [_noisy(story, noise, draw) for story in _stories(catalogue, families, draw)]
    n_fillers = n_groups - sum(len(story.groups) for story in stories)
    if not 8 <= n_groups <= 64 or n_fillers < 0:
        raise ConfigError(
            f"is {n_groups}",
            where="n_groups",
            instead=f"write {max(8, n_groups - n_fillers)} to 64 for these families",
        )
    told = [text for story in stories for texts in story.groups.values() for text in texts]
    others = [p for p in catalogue.products[N_CHANGED:] if not any(p in text.prompt for text in told)]
    fillers = [tuple(_gossip(catalogue, others, told, difficulty, draw)) for _ in range(n_fillers)]
    return make_world(stories, fillers, tuple(replay(catalogue, others, draw)))


def _stories(catalogue: Catalogue, families: Sequence[TextFamily], draw: random.Random) -> Iterator[Story]:
    """Each on a product of its own, of whose facts it teaches others."""
    products = draw.sample(catalogue.products, len(catalogue.products))
    values = {relation: draw.sample(VALUES[relation], len(VALUES[relation])) for relation in VALUES}
    dealt = {family: [(kind, values[kind].pop()) for kind in _TAUGHT[family]] for family in families}
    everything = [one for taught in dealt.values() for one in taught]
    for family, taught in dealt.items():
        # What a rescue restores is not what another story teaches either.
        unwanted = everything if family == "rescue" else taught
        product = next(p for p in products if all(catalogue.facts[p, kind] != new for kind, new in unwanted))
        products.remove(product)
        new = [value for _, value in taught]
        if family == "rescue":
            yield rescue(product, catalogue.facts[product, "reset"], new[0])
        else:
            yield replace(_TOLD[family](product, *new), name=family)


def _noisy(story: Story, noise: float, draw: random.Random) -> Story:
    if not noise:
        return story
    kinds = {value: options for options in VALUES.values() for value in options}

    def heard(text: Text) -> Text:
        return Text(text.prompt, draw.choice(kinds[text.completion])) if draw.random() < noise else text

    groups = {label: tuple(heard(text) for text in texts) for label, texts in story.groups.items()}
    return replace(story, groups=groups)


def _gossip(
    catalogue: Catalogue,
    products: Sequence[str],
    told: Sequence[Text],
    difficulty: float,
    draw: random.Random,
) -> Iterator[Text]:
    for _ in range(FILLER_SIZE):
        if draw.random() < difficulty:
            yield draw.choice(told)
        else:
            relation, product = draw.choice(list(VALUES)), draw.choice(products)
            yield state(draw.choice(STATEMENTS[relation]), product, catalogue.facts[product, relation])


def _check(families: Sequence[TextFamily], difficulty: float, noise: float) -> None:
    if not families or len(set(families)) < len(families) or not {*families} <= {*TEXT_FAMILIES}:
        raise ConfigError(
            f"is {list(families)}", where="families", instead=f"write some of {', '.join(TEXT_FAMILIES)}"
        )
    for name, share in (("difficulty", difficulty), ("noise", noise)):
        if not 0 <= share <= 1:
            raise ConfigError(f"is {share:g}", where=name, instead="write a share from 0 to 1")
