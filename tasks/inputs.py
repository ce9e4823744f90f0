"""From a study to what it is about: examples, groups, targets, base model, and the value function of them."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from spex_data.data import Examples, read_examples
from spex_data.errors import ConfigError, StoreError, TargetError
from spex_data.evaluation import Targets, make_targets
from spex_data.groups import Grouping, by_column, by_kmeans, by_list, by_shards, read_assignments
from spex_data.masks import MaskDesign, MeasurementPlan, measurement_plan
from spex_data.study import StudyConfig
from tasks.run_folder import RunFolder
from tasks.workers import accelerators, claim_device

EMBEDDED = "embedded"
VERIFY, FILTERED = "verify", "verify-filtered"
"""Roles of what is retrained, by the study's own schedule and by the filtered one."""

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
        targets = _read_targets(
            study,
            examples,
            study.targets_source,
            split=chosen.split,
            name=study.targets_subset,
            where=chosen.where,
            limit=chosen.limit.model_dump(exclude_none=True) if chosen.limit else None,
            rows=chosen.rows,
        )
    for file in study.targets.more:
        targets = targets.joined(_read_targets(study, examples, file))
    return targets


def _read_targets(study: StudyConfig, examples: Examples, source: str, **selection: Any) -> Targets:
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
        _refuse_unknown_labels(rows, examples, source)
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
    """The fine-tunes that some masks ask for in a study."""
    return measurement_plan(drawn, seeds=study.training.seeds, heldout_seeds=study.masks.heldout_seeds)


def value_function(folder: RunFolder) -> SubsetTraining:
    """The value function of a prepared run, built once a thread: training puts adapters on its base model.

    Raises:
        StoreError: The data or the model changed since the run was prepared.
    """
    if getattr(_built, "stamp", None) != _stamp(folder):
        with _one_loads_at_a_time:
            keep_value_function(folder, _load_value_function(folder))
    return _built.function  # type: ignore[no-any-return]


def role_function(folder: RunFolder, role: str) -> SubsetTraining:
    """What rows of a role are measured by: what is retrained on all scales, some of it by another schedule.

    Args:
        folder: A run folder that is prepared.
        role: As in `MeasurementPlan.roles`.
    """
    function = value_function(folder)
    if role not in (VERIFY, FILTERED):
        return function
    return function.on_scales().with_schedule("filtered") if role == FILTERED else function.on_scales()


def keep_value_function(folder: RunFolder, function: SubsetTraining) -> None:
    """Lets this thread's next `value_function` of the folder be one that is there already."""
    _built.function, _built.stamp = function, _stamp(folder)


_built = threading.local()
_one_loads_at_a_time = threading.Lock()
"""transformers fills a model under settings of the whole process."""


def _stamp(folder: RunFolder) -> tuple[str, int]:
    return str(folder.directory.resolve()), folder.groups.stat().st_mtime_ns


def _load_value_function(folder: RunFolder) -> SubsetTraining:
    study, manifest = folder.read_study(), folder.read_manifest()
    examples = load_examples(study)
    devices = accelerators(study)
    base_model = load_base_model(
        study, examples, claim_device(folder.directory, devices) if devices else None
    )
    found = {"data": examples.content_hash, "model": base_model.fingerprint}
    for what, fingerprint in found.items():
        if manifest["hashes"][what] != fingerprint:
            raise StoreError(
                f"the {what} changed while the run was going on",
                where=str(folder.directory),
                instead="run the command again with --update",
            )
    grouping = Grouping.from_table(pq.read_table(folder.groups))
    return build_value_function(study, examples, grouping, base_model, manifest["steps_per_epoch"])


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


def _refuse_unknown_labels(rows: Examples, examples: Examples, source: str) -> None:
    unknown = sorted(set(rows.outputs) - set(examples.labels))
    if unknown:
        raise TargetError(
            f"has the label {unknown[0]!r}, which no training example has",
            where=f"targets.from or targets.more, {source}",
            instead="keep rows with known labels (targets.where), or train on examples of that label",
        )
