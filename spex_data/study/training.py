"""The sections that say how an adapter is fine-tuned: lora and training."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from spex_data.study.keys import AT_LEAST_1, Labels, Positive, Real, Section, Whole, key


def _distinct_seeds(seeds: str | tuple[int, ...]) -> str | tuple[int, ...]:
    if not isinstance(seeds, str) and (not seeds or len(set(seeds)) < len(seeds)):
        raise ValueError("seeds must be different, and at least one")
    return seeds


class LoraConfig(Section):
    """The low-rank adapters."""

    rank: Whole = key(8, accepts=AT_LEAST_1, description="Rank of the adapters.", ge=1)
    alpha: Real = key(
        16.0, accepts="a number above 0", description="Scale of the adapters: alpha / rank.", gt=0
    )
    target_modules: Labels = key(
        (),
        accepts="a list of module names, such as [q_proj, v_proj]",
        description="Linear layers to adapt; empty for every linear layer of the blocks.",
    )
    layers: str = key(
        "all",
        accepts="all, or last-N such as last-2",
        description="Blocks to adapt: all of them, or the last N.",
        pattern=r"^(all|last-[1-9][0-9]*)$",
    )
    rslora: bool = key(False, accepts="true or false", description="Scale by alpha / sqrt(rank) instead.")


class TrainingConfig(Section):
    """How each adapter is trained on the examples that its mask keeps."""

    epochs: Whole = key(3, accepts=AT_LEAST_1, description="Passes over the present examples.", ge=1)
    max_steps: Whole = key(
        0,
        accepts="a whole number of at least 0 (0 = epochs decide)",
        description="Steps of a whole training, instead of epochs; the last epoch may be cut off.",
        ge=0,
    )
    batch_size: Whole = key(
        16, accepts=AT_LEAST_1, description="Examples a step when every group is present.", ge=1
    )
    learning_rate: Real = key(
        1e-3,
        accepts="a number above 0, such as 0.001",
        description="Learning rate, before decay and warm-up.",
        gt=0,
    )
    optimizer: Literal["adamw", "sgd"] = key("adamw", accepts="adamw or sgd", description="Optimiser.")
    decay: Literal["linear", "cosine", "constant"] = key(
        "linear", accepts="linear, cosine or constant", description="How the learning rate falls."
    )
    warmup: Real = key(
        0.0,
        accepts="a number from 0 to 1, such as 0.1",
        description="Share of the steps over which the learning rate rises.",
        ge=0,
        le=1,
    )
    weight_decay: Real = key(0.0, accepts="a number of at least 0", description="Weight decay.", ge=0)
    clip_norm: Real = key(
        1.0,
        accepts="a number of at least 0 (0 = off)",
        description="Largest norm of an adapter's gradient.",
        ge=0,
    )
    schedule: Literal["fixed", "filtered"] = key(
        "fixed",
        accepts="fixed or filtered",
        description="`fixed`: an example's step does not depend on which others are present;"
        " `filtered`: ordinary training on what is left.",
    )
    seeds: Annotated[
        Literal["varied", "common"] | tuple[Annotated[Whole, Field(ge=0)], ...],
        AfterValidator(_distinct_seeds),
    ] = key(
        "varied",
        accepts="varied, common, or a list of different whole numbers such as [1, 2]",
        description="A seed of its own for each mask (what is estimated is the mean over seeds), one seed for"
        " all, or every mask with each seed of a list.",
    )
    steps_per_epoch: Literal["auto"] | Positive = key(
        "auto",
        accepts=f"auto, or {AT_LEAST_1}",
        description="Steps of an epoch in the fixed schedule; auto: examples / batch size, rounded up.",
    )
    adapters_per_pass: Literal["auto"] | Positive = key(
        "auto",
        accepts=f"auto, or {AT_LEAST_1}",
        description="Adapters trained at once over one base model; auto: timed once, and kept from then on.",
    )
    keep: Literal["all", "heldout", "none"] = key(
        "all", accepts="all, heldout or none", description="Which trained adapters stay on disk."
    )
