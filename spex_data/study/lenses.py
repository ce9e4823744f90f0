"""The sections of the lenses that mask units of a text or parts of a model, and what goes with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from spex_data.errors import ConfigError
from spex_data.study.keys import Section, Whole, key
from spex_data.study.sections import UNREAD, DataConfig, GroupsConfig, ModelConfig, TargetsConfig

Lens = Literal["data", "features", "components"]
UNITS: Literal["units"] = "units"
"""`groups.by` of the lenses whose groups are units of a text, or components of a model."""
_CHUNKS = {"features": 1024, "components": 128}
"""Masks of a chunk: of a text each costs one sequence, of components as many as there are rows."""


def _distinct(numbers: tuple[int, ...] | None) -> tuple[int, ...] | None:
    if numbers is not None and len(set(numbers)) < len(numbers):
        raise ValueError("a number is named twice")
    return numbers


_Numbers = Annotated[tuple[Annotated[Whole, Field(ge=0)], ...] | None, AfterValidator(_distinct)]
_Sizes = Annotated[tuple[Annotated[Whole, Field(ge=1)], ...] | None, AfterValidator(_distinct)]
_Span = tuple[Annotated[Whole, Field(ge=0)], Annotated[Whole, Field(ge=1)]]


class FeaturesConfig(Section):
    """What is hidden of a text, and how (lens: features)."""

    text: str | None = key(
        None,
        accepts="a text",
        description="One text to explain; left out: every row of `targets` is a text of its own.",
    )
    answer: str | None = key(
        None, accepts="the label or completion that is measured", description="Answer to `text`."
    )
    foil: str | None = key(
        None, accepts="another answer", description="Answer that the output `contrast` compares with."
    )
    units: Literal["words", "tokens", "sentences"] | tuple[_Span, ...] = key(
        "words",
        accepts="words, tokens, sentences, or a list of spans of characters such as [[0, 4], [5, 12]]",
        description="What is hidden or shown as one; spans hold for every text.",
    )
    masking: Literal["mask-token", "deletion", "attention"] = key(
        "mask-token",
        accepts="mask-token, deletion or attention",
        description="A token in place of what is hidden, hidden tokens left out, or nothing attends to them.",
    )
    replacement: str = key(
        "",
        accepts="a token of the model's vocabulary",
        description="Token for `mask-token`; left out: the tokenizer's own mask token.",
    )


class ComponentsConfig(Section):
    """Which parts of the model are silenced, and how (lens: components)."""

    layers: _Numbers = key(
        None, accepts="a list of different numbers from 0", description="Layers; left out: all."
    )
    heads: _Numbers = key(
        None,
        accepts="a list of different numbers from 0, [] for none",
        description="Attention heads of each of these layers; left out: all.",
    )
    mlps: bool = key(False, accepts="true or false", description="Silence MLP blocks as well.")
    ablation: Literal["zero", "mean"] = key(
        "zero",
        accepts="zero or mean",
        description="A silent component gives zeros, or its mean over the rows.",
    )
    rescaled: bool = key(
        False,
        accepts="true or false",
        description="Multiply the heads left in a layer as dropout does; with ablation zero only.",
    )
    prune: _Sizes = key(
        None,
        accepts="a list of different numbers of components to keep, such as [36, 54]; [] for none",
        description="The best subsets of these sizes are looked for, and measured beside baselines;"
        " left out: a quarter, half and three quarters of the components.",
    )
    draws: Whole = key(
        32, accepts="a whole number of at least 1", description="Random subsets of each size.", ge=1
    )


def lens_defaults(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """A study as written, with what its lens leaves no choice about; one of the lens data is left as it is.

    A value is exact in the other lenses: verification by retraining and several held-out seeds have no
    meaning there.
    """
    filled = dict(mapping)
    if mapping.get("lens", "data") not in ("features", "components"):
        return filled
    filled.setdefault("groups", {"by": UNITS})
    model, data = mapping.get("model"), mapping.get("data")
    if isinstance(data, Mapping) and isinstance(model, Mapping) and model.get("finetune") is False:
        filled["data"] = {"train": UNREAD, **data}
    if mapping["lens"] == "features" and _holds(mapping.get("features"), "text"):
        filled.setdefault("targets", {})
    for section, name, value in (
        ("verify", "enabled", False),
        ("runner", "chunk", _CHUNKS[str(mapping["lens"])]),
        ("masks", "heldout_seeds", 1),
    ):
        written = mapping.get(section, {})
        if isinstance(written, Mapping):
            filled[section] = {name: value, **written}
    return filled


def _holds(section: object, name: str) -> bool:
    return isinstance(section, Mapping) and section.get(name) is not None


def lens_conflicts(
    lens: str,
    features: FeaturesConfig,
    components: ComponentsConfig,
    groups: GroupsConfig,
    verify: Any,
    masks: Any,
) -> Iterator[ConfigError]:
    """What a lens does not go with."""
    other = {"features": features != FeaturesConfig(), "components": components != ComponentsConfig()}
    for name, given in other.items():
        if given and lens != name:
            yield ConfigError(
                f"is given, and the lens is {lens}", where=name, instead=f"remove it, or write lens: {name}"
            )
    if lens == "data":
        if groups.by == UNITS:
            yield ConfigError(
                "is units, and the lens is data",
                where="groups.by",
                instead="write column, list, shards or kmeans",
            )
        return
    if groups != GroupsConfig(by=UNITS):
        yield ConfigError(
            f"is given, and the lens {lens} masks units of its own", where="groups", instead="remove it"
        )
    exact = f"and a value of the lens {lens} is exact: the held-out masks are its check"
    if verify.enabled:
        yield ConfigError(f"is true, {exact}", where="verify.enabled", instead="remove it")
    if masks.heldout_seeds != 1:
        yield ConfigError(
            f"is {masks.heldout_seeds}, {exact}", where="masks.heldout_seeds", instead="remove it"
        )


def model_conflicts(
    lens: str, model: ModelConfig, data: DataConfig, targets: TargetsConfig, features: FeaturesConfig
) -> Iterator[ConfigError]:
    """A base model is always fine-tuned where training data are masked, and must have something to read."""
    if data.train == UNREAD and (lens == "data" or model.finetune):
        yield ConfigError(
            "is none, and the model is fine-tuned",
            where="data.train",
            instead="name the training examples, or write model.finetune: false",
        )
    if lens != "data" and data.train == UNREAD and targets.source is None and features.text is None:
        yield ConfigError(
            "is missing, and there is nothing else to read",
            where="targets.from",
            instead="name the rows to explain" + (", or write features.text" if lens == "features" else ""),
        )
    if lens == "data" and not model.finetune:
        yield ConfigError(
            "is false, and the lens data fine-tunes a model for every mask",
            where="model.finetune",
            instead="remove it, or write lens: features or components",
        )


def features_conflicts(lens: str, features: FeaturesConfig, targets: TargetsConfig) -> Iterator[ConfigError]:
    """One text goes with an answer, and with no rows of texts beside it."""
    if lens != "features":
        return
    if features.text is not None and not features.text.strip():
        yield ConfigError("is empty", where="features.text", instead="write a text of at least two units")
    if features.text is not None and features.answer is None:
        yield ConfigError(
            "is missing, and features.text is given",
            where="features.answer",
            instead="write the label or completion whose value is explained",
        )
    for name in ("answer", "foil"):
        if features.text is None and getattr(features, name) is not None:
            yield ConfigError(
                "is given without features.text", where=f"features.{name}", instead="write both, or neither"
            )
    if features.text is not None and targets.source is not None:
        yield ConfigError(
            "is given beside features.text",
            where="targets.from",
            instead="remove one of them: a text, or rows of texts",
        )
    if features.masking != "mask-token" and features.replacement:
        yield ConfigError(
            f'is "{features.replacement}", and features.masking is {features.masking}',
            where="features.replacement",
            instead="remove it, or write features.masking: mask-token",
        )


def components_conflicts(components: ComponentsConfig) -> Iterator[ConfigError]:
    """Means keep the scale by themselves, and something must be masked."""
    if components.rescaled and components.ablation == "mean":
        yield ConfigError(
            "is true with ablation mean",
            where="components.rescaled",
            instead="write ablation: zero, or leave the remaining heads as they are",
        )
    if components.heads == () and not components.mlps:
        yield ConfigError(
            "is [], and components.mlps is false",
            where="components.heads",
            instead="name heads, or write components.mlps: true",
        )
