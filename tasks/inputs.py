"""From a study to what it is about: examples, groups, targets, base model, and the value function of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spex_data.data import Examples, read_examples
from spex_data.errors import ConfigError, TargetError
from spex_data.evaluation import Targets, make_targets
from spex_data.groups import Grouping, by_column, by_kmeans, by_list, by_shards, read_assignments
from spex_data.masks import MaskDesign, MeasurementPlan, measurement_plan
from spex_data.study import StudyConfig

EMBEDDED = "embedded"

if TYPE_CHECKING:
    from spex_data.models import BaseModel
    from spex_data.value_functions import SubsetTraining


def use_threads(threads: int) -> None:
    """Sets torch's threads in this process; another number can change the last bits of a sum."""
    import torch

    torch.set_num_threads(threads)


def load_examples(study: StudyConfig) -> Examples:
    """The training examples of a study."""
    data = study.data
    if data.embedded:
        from spex_data.embedded import demo_world

        return demo_world(study.seed).examples
    input_column, output_column = data.columns
    return read_examples(
        data.train,
        task=data.task,
        input_column=input_column,
        output_column=output_column,
        split=data.split,
        name=data.subset,
        where=data.where,
        limit=data.limit.model_dump(exclude_none=True) if data.limit else None,
    )


def load_targets(study: StudyConfig, examples: Examples) -> Targets:
    """The targets of a study, each with an answer that the model can give.

    Raises:
        TargetError: A target's label is none of the training labels.
    """
    if study.targets_source == EMBEDDED:
        from spex_data.embedded import demo_world

        targets = demo_world(study.seed).targets
    else:
        chosen = study.targets
        targets = read_targets(
            study,
            examples.labels,
            study.targets_source,
            split=chosen.split,
            name=study.targets_subset,
            where=chosen.where,
            limit=chosen.limit.model_dump(exclude_none=True) if chosen.limit else None,
            rows=chosen.rows,
        )
    for file in study.targets.more:
        targets = targets.joined(read_targets(study, examples.labels, file))
    return targets


def read_targets(study: StudyConfig, labels: Sequence[str], source: str, **selection: Any) -> Targets:
    """The targets in a source of rows.

    Args:
        study: Which columns hold what.
        labels: Those that the model can give, of a classifier.
        source: A file or a data set.
        selection: Which rows, as `read_examples` takes it.

    Raises:
        TargetError: A row's label is none of them.
    """
    chosen = study.targets
    input_column, output_column = study.data.columns
    rows = read_examples(
        source,
        task=study.data.task,
        input_column=input_column,
        output_column=output_column,
        **selection,
    )
    if study.data.task == "classification":
        _refuse_unknown_labels(rows, labels, source)
    by_column = not isinstance(chosen.output, str)
    return make_targets(
        study.data.task,
        rows.inputs,
        rows.outputs,
        names=_column(rows, chosen.name, "targets.name"),
        foils=_column(rows, chosen.foil, "targets.foil"),
        outputs=_column(rows, chosen.output.column, "targets.output.column") if by_column else chosen.output,
    )


def load_base_model(study: StudyConfig, examples: Examples, device: str | None = None) -> BaseModel:
    """The frozen model that adapters are trained on, on the study's device or on another."""
    device = device or study.model.device
    if study.model.source == EMBEDDED:
        from spex_data.embedded import embedded_base_model

        return embedded_base_model(study.seed, device=device)
    from spex_data import models

    return models.load_base_model(
        study.model.source,
        task=study.data.task,
        labels=examples.labels if study.data.task == "classification" else (),
        device=device,
        dtype=study.model.dtype,
        head_seed=study.seed,
    )


def make_grouping(study: StudyConfig, examples: Examples, base_model: BaseModel) -> Grouping:
    """Puts the examples into groups as the study says."""
    groups = study.groups
    if groups.by == "column":
        return by_column(examples.ids, _column(examples, groups.column, "groups.column"), core=groups.core)
    if groups.by == "list":
        return by_list(examples.ids, read_assignments(groups.file), core=groups.core)
    if groups.by == "shards":
        return by_shards(examples.ids, groups.k, seed=study.seed)
    from spex_data.models import embed_texts

    return by_kmeans(examples.ids, embed_texts(base_model, examples.inputs), groups.k, seed=study.seed)


def draw_plan(study: StudyConfig, grouping: Grouping) -> tuple[MaskDesign, MeasurementPlan]:
    """The masks of a study over given groups up to its budget, and the fine-tunes that they ask for."""
    drawn = study.mask_design(grouping.keys)
    return drawn, plan_of(study, drawn)


def plan_of(study: StudyConfig, drawn: MaskDesign) -> MeasurementPlan:
    """What some masks ask for in a study: a fine-tune each, or a pass or a few."""
    # In the other lenses nothing is drawn but masks, and a second seed would measure the same again.
    seeds = study.training.seeds if study.lens == "data" else "common"
    return measurement_plan(drawn, seeds=seeds, heldout_seeds=study.masks.heldout_seeds)


def build_value_function(
    study: StudyConfig, examples: Examples, grouping: Grouping, base_model: BaseModel, steps_per_epoch: int
) -> SubsetTraining:
    """The value function of inputs already loaded."""
    from spex_data.value_functions import SubsetTraining

    recipe = replace(study.recipe(len(examples)), steps_per_epoch=steps_per_epoch)
    targets = load_targets(study, examples)
    return SubsetTraining(
        base_model, examples, grouping, recipe, targets, adapters_per_pass=study.training.adapters_per_pass
    )


def _column(rows: Examples, name: str | None, where: str) -> tuple[str, ...] | None:
    """The values of a column that a key of the study names; None where it names none."""
    if name is None:
        return None
    if name not in rows.columns:
        raise ConfigError(
            f"names {name!r}, and the data has {', '.join(rows.columns)}",
            where=where,
            instead="write one of those columns",
        )
    return rows.columns[name]


def _refuse_unknown_labels(rows: Examples, labels: Sequence[str], source: str) -> None:
    unknown = sorted(set(rows.outputs) - set(labels))
    if unknown:
        raise TargetError(
            f"has the label {unknown[0]!r}, which no training example has",
            where=f"targets.from or targets.more, {source}",
            instead="keep rows with known labels (targets.where), or train on examples of that label",
        )
