"""What must hold between the keys of the section masks, and of others that hang on it."""

from __future__ import annotations

from collections.abc import Iterator

from spex_data.errors import ConfigError
from spex_data.study.masks import MasksConfig
from spex_data.study.procedure import DecodingConfig


def coded_masks(masks: MasksConfig, decoding: DecodingConfig) -> Iterator[ConfigError]:
    """What coded masks do not go with."""
    if masks.scheme == "spex" and masks.p != 0.5:
        yield ConfigError(
            f"is {masks.p}, and in coded masks half of the groups are present",
            where="masks.p",
            instead="write 0.5, or masks.scheme: bernoulli",
        )
    if decoding.method == "spex" and masks.scheme != "spex":
        yield ConfigError(
            f"is spex, which decodes coded masks, and masks.scheme is {masks.scheme}",
            where="decoding.method",
            instead="write masks.scheme: spex too, or another method such as proxyspex or auto",
        )


def rounds(masks: MasksConfig) -> Iterator[ConfigError]:
    """What rounds, a goal and inherited masks do not go with."""
    until = masks.until
    if until is not None and "budget" not in masks.model_fields_set:
        yield ConfigError(
            "is missing, and masks.until needs a number of masks to stop at in any case",
            where="masks.budget",
            instead="write the most there may be, such as 512 or {alpha: 4}",
        )
    if until is not None and (until.r2 is None) == (until.ci_width is None):
        yield ConfigError(
            "names no goal" if until.r2 is None else "names two goals",
            where="masks.until",
            instead="write {r2: 0.9}, or {ci_width: 1.5} in the unit of the targets",
        )
    if until is not None and masks.scheme == "spex":
        yield ConfigError(
            "is spex, whose masks are of use only all together, and masks.until stops between them",
            where="masks.scheme",
            instead="write bernoulli, stratified or adaptive, or remove masks.until",
        )
    if masks.first is not None and until is None and masks.scheme != "adaptive":
        yield ConfigError(
            f"is {masks.first}, and there are no rounds",
            where="masks.first",
            instead="remove it, or write masks.until or masks.scheme: adaptive",
        )
    if masks.first is not None and isinstance(masks.budget, int) and masks.first > masks.budget:
        yield ConfigError(
            f"is {masks.first}, and masks.budget is {masks.budget}",
            where="masks.first",
            instead="write a smaller number, or remove it",
        )
    if masks.inherit is not None and (until is not None or masks.scheme != "bernoulli"):
        yield ConfigError(
            "is given, and inherited masks are a part of one sample of bernoulli masks",
            where="masks.inherit",
            instead="remove it, or write masks.scheme: bernoulli without masks.until",
        )


def interval_goal(masks: MasksConfig, decoding: DecodingConfig) -> Iterator[ConfigError]:
    """A goal that the decoder gives nothing to judge by."""
    if masks.until is not None and masks.until.ci_width is not None and decoding.method == "spex":
        yield ConfigError(
            "is a goal, and decoding.method: spex gives no intervals",
            where="masks.until.ci_width",
            instead="write masks.until: {r2: 0.9}, or another method such as auto",
        )
