"""What masks are over, and the words for it: training data, units of a text, or components of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class LensWords:
    """What a lens calls what it masks, and what it does with a mask.

    Attributes:
        one, many: What is masked.
        these: The same with what it is of.
        work: What is done with a mask, counted.
        doing: The same as a stage.
        measured: How a value came about.
        question: What a study asks.
        masks: What its masks are.
        exact: Whether a value depends on nothing that is drawn.
    """

    one: str
    many: str
    these: str
    work: str
    doing: str
    measured: str
    question: str
    masks: str
    exact: bool


WORDS: Mapping[str, LensWords] = {
    "data": LensWords(
        one="group",
        many="groups",
        these="groups of training examples",
        work="fine-tunes",
        doing="fine-tuning",
        measured="by fine-tuning",
        question="Which groups of training examples act together?",
        masks="subsets of the groups that were trained on",
        exact=False,
    ),
    "features": LensWords(
        one="unit",
        many="units",
        these="units of the text",
        work="masked texts",
        doing="masking the text",
        measured="on the masked text",
        question="Which parts of the text act together?",
        masks="subsets of the units that the model saw",
        exact=True,
    ),
    "components": LensWords(
        one="component",
        many="components",
        these="attention heads and MLP blocks",
        work="masked models",
        doing="silencing components",
        measured="with components silent",
        question="Which heads and MLP blocks act together?",
        masks="subsets of the components that were left to speak",
        exact=True,
    ),
}


def words_of(lens: str) -> LensWords:
    """The words of a lens.

    Args:
        lens: data, features or components.
    """
    return WORDS[lens]
