"""A study: everything that decides what is computed, from the data to the report."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, model_validator

from spex_data.errors import ConfigError
from spex_data.study.checks import find_conflicts
from spex_data.study.keys import Section, StudyKey, Whole, fields_of, key, section_of, walk_keys
from spex_data.study.masks import AlphaBudget, MasksConfig
from spex_data.study.procedure import (
    DecodingConfig,
    ReportConfig,
    RunnerConfig,
    TrackingConfig,
    VerifyConfig,
)
from spex_data.study.sections import DataConfig, GroupsConfig, ModelConfig, TargetsConfig
from spex_data.study.training import LoraConfig, TrainingConfig

if TYPE_CHECKING:
    from spex_data.masks import MaskDesign
    from spex_data.training.recipe import LoraRecipe


class ConflictError(ValueError):
    """Keys that are each right by themselves and not together; pydantic wants a ValueError of it."""

    def __init__(self, errors: list[ConfigError]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = tuple(errors)


class StudyConfig(Section):
    """One study, checked whole: which groups of which examples act together in which predictions."""

    name: str = key(
        accepts="a name of letters, digits, '.', '_' and '-', such as banking77",
        description="Name of the study and of the folder of its run.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        max_length=100,
        examples=["study"],
    )
    seed: Whole = key(
        0,
        accepts="a whole number of at least 0",
        description="Seed of masks, trainings, shards and clusters.",
        ge=0,
        lt=2**63,
    )
    lens: Literal["data"] = key(
        "data",
        accepts="data (the lenses features and components are not there yet)",
        description="What is masked: groups of training data.",
    )
    # Forms and documentation describe a section by the docstring of its class.
    data: DataConfig
    groups: GroupsConfig
    targets: TargetsConfig
    model: ModelConfig
    lora: LoraConfig = LoraConfig()
    training: TrainingConfig = TrainingConfig()
    masks: MasksConfig = MasksConfig()
    decoding: DecodingConfig = Field(default_factory=DecodingConfig)
    verify: VerifyConfig = VerifyConfig()
    runner: RunnerConfig = RunnerConfig()
    tracking: TrackingConfig = TrackingConfig()
    report: ReportConfig = ReportConfig()

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        errors = find_conflicts({name: getattr(self, name) for name in sections()})
        if errors:
            raise ConflictError(errors)
        return self

    @property
    def config_hash(self) -> str:
        """64 hexadecimal characters that name all the keys and their values."""
        text = json.dumps(self.as_mapping(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def targets_source(self) -> str:
        """Where the targets are: `targets.from`, else the source of the training data."""
        return self.targets.source or self.data.train

    @property
    def targets_subset(self) -> str | None:
        """Configuration of the targets' data set: their own, or the data's where they share the source."""
        return self.targets.subset or (self.data.subset if self.targets.source is None else None)

    def as_mapping(self) -> dict[str, Any]:
        """Every key with its value, defaults included, as plain values under the names of the file."""
        return self.model_dump(mode="json", by_alias=True)

    def budget(self, n_groups: int) -> int:
        """Number of training masks: as written, or floor(alpha n log2 n).

        Args:
            n_groups: Number of groups n, at least 1.

        Returns:
            The number of masks.
        """
        budget = self.masks.budget
        if isinstance(budget, AlphaBudget):
            return math.floor(budget.alpha * n_groups * math.log2(n_groups))
        return budget

    def mask_design(self, group_keys: Sequence[str]) -> MaskDesign:
        """The masks of the study over given groups up to its budget, always the same ones.

        A study in rounds may end earlier, and adaptive masks take the place of some of them.

        Args:
            group_keys: Identity of each group.

        Raises:
            MaskError: They cannot be drawn.
        """
        # Here, because whoever only checks a configuration draws nothing.
        from spex_data.masks import design_masks
        from spex_data.masks.inheritance import inheriting_design, read_inherited

        masks = self.masks
        if masks.inherit is not None:
            return inheriting_design(
                read_inherited(masks.inherit, group_keys),
                budget=self.budget(len(group_keys)),
                p=masks.p,
                heldout=masks.heldout,
                seed=self.seed,
            )
        return design_masks(
            len(group_keys),
            budget=self.budget(len(group_keys)),
            scheme="bernoulli" if masks.scheme == "adaptive" else masks.scheme,
            p=self.masks.p,
            heldout=self.masks.heldout,
            seed=self.seed,
            group_keys=group_keys,
            degree=self.masks.degree,
        )

    @property
    def in_rounds(self) -> bool:
        """Whether masks are measured in rounds, and it is looked at what they say after each."""
        return self.masks.until is not None or self.masks.scheme == "adaptive"

    def recipe(self, n_examples: int) -> LoraRecipe:
        """The recipe of one fine-tune, with the steps of an epoch resolved.

        Args:
            n_examples: Number of training examples in all, the core included.

        Returns:
            The recipe.
        """
        # Here, because whoever only checks a configuration needs no trainer.
        from spex_data.training.recipe import LoraRecipe

        training, steps = self.training, self.training.steps_per_epoch
        return LoraRecipe(
            rank=self.lora.rank,
            alpha=self.lora.alpha,
            target_modules=self.lora.target_modules,
            layers=self.lora.layers,
            rslora=self.lora.rslora,
            optimizer=training.optimizer,
            learning_rate=training.learning_rate,
            weight_decay=training.weight_decay,
            decay=training.decay,
            warmup=training.warmup,
            clip_norm=training.clip_norm,
            epochs=training.epochs,
            max_steps=training.max_steps,
            batch_size=training.batch_size,
            schedule=training.schedule,
            steps_per_epoch=math.ceil(n_examples / training.batch_size) if steps == "auto" else steps,
        )


def sections() -> dict[str, type[Section]]:
    """The sections of a study by name."""
    models = {name: section_of(field) for name, field in fields_of(StudyConfig).items()}
    return {name: model for name, model in models.items() if model is not None}


def study_keys() -> tuple[StudyKey, ...]:
    """Every key that a study may set, in order, with its values in words, its description and its default."""
    return tuple(walk_keys(StudyConfig))
