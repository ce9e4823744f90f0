"""First stage: read the data, make the groups, load the model, and write down what they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import get_run_logger, task
from pydantic import BaseModel as Record

from spex_data.errors import StoreError
from spex_data.evaluation.targets import UNITS
from spex_data.groups import Grouping
from spex_data.study import StudyConfig
from spex_data.values import write_parquet
from tasks.inputs import (
    build_value_function,
    draw_plan,
    load_base_model,
    load_examples,
    make_grouping,
    use_threads,
)
from tasks.lens_inputs import lens_inputs
from tasks.pass_size import decide_pass_size
from tasks.retries import TASK_OPTIONS
from tasks.run_folder import RunFolder, provenance
from tasks.tracking import TrackedRun, log_dataset, log_files, log_params
from tasks.value_function import keep_value_function


class Prepared(Record, frozen=True):
    """What the first stage found.

    Attributes:
        n_groups: Number of groups.
        n_examples: Number of training examples, the core among them.
        n_core: Examples that no mask removes.
        targets: Names of the targets.
        steps_per_epoch: S of the fixed schedule.
        changed: What the folder was prepared with before that is other now: data, groups, targets, model.
    """

    n_groups: int
    n_examples: int
    n_core: int
    targets: tuple[str, ...]
    steps_per_epoch: int
    changed: tuple[str, ...] = ()


@task(
    name="prepare",
    task_run_name="read data, make groups, load model",
    description="Read the data, make the groups, load the base model; write groups.parquet and the manifest.",
    tags=["train"],
    **TASK_OPTIONS,
)
def prepare(directory: str, tracked: TrackedRun, *, update: bool = False, extend: bool = False) -> Prepared:
    """Reads the data, makes the groups and loads the model.

    Args:
        directory: The run folder, which holds study.yaml.
        tracked: The MLflow run.
        update: Whether data, groups or model may differ from what the folder was prepared with.
        extend: Whether the targets may, and nothing else.

    Raises:
        StoreError: They differ, and may not.
    """
    folder = RunFolder(Path(directory))
    study, before = folder.read_study(), folder.read_manifest()
    use_threads(study.runner.threads)
    if study.lens == "data":
        found = _data_inputs(study, before, update=update)
    else:
        found = _lens_inputs(study, folder)
    grouping, hashes = found.grouping, found.hashes
    hashed = before.get("hashes", {})
    changed = [what for what in hashes if what in hashed and hashed[what] != hashes[what]]
    refused = [what for what in changed if not update and not (extend and what == "targets")]
    if refused:
        raise StoreError(
            f"was begun with other {' and '.join(refused)} than the study names now",
            where=str(folder.directory),
            # Whole commands, for `extend` has neither option.
            instead=f"reuse the values still valid by `{folder.command()} --update`, or take another folder:"
            f" `{folder.command('ANOTHER')}`",
        )
    write_parquet(grouping.to_table(), folder.groups)
    keep_value_function(folder, found.function)
    plan = draw_plan(study, grouping)[1]
    sized = decide_pass_size(study, found.function, plan, before) if study.lens == "data" else {}
    folder.update_manifest(
        {
            "study": study.name,
            "seed": study.seed,
            "hashes": hashes,
            "steps_per_epoch": found.steps_per_epoch,
            **sized,
            "n_groups": grouping.n_groups,
            "n_examples": found.n_examples,
            "n_targets": len(found.function.target_names),
            "units": list(found.units),
            **({"spans": [list(span) for span in found.spans]} if found.spans else {}),
            "device": found.base_model.device,
            "dtype": found.base_model.dtype,
            **provenance(),
        }
    )
    _track(tracked, folder, study, found)
    get_run_logger().info(
        "%d examples in %d %s (%d always on), %d targets, %s on %s",
        found.n_examples, grouping.n_groups, study.words.many, len(grouping.core),
        len(found.function.target_names), found.base_model.source, found.base_model.device,
    )  # fmt: skip
    return Prepared(
        n_groups=grouping.n_groups,
        n_examples=found.n_examples,
        n_core=len(grouping.core),
        targets=found.function.target_names,
        steps_per_epoch=found.steps_per_epoch,
        changed=tuple(what for what in changed if what != "recipe"),
    )


@dataclass(frozen=True)
class _Found:
    """What a study is about, whatever its lens."""

    function: Any
    grouping: Grouping
    hashes: dict[str, str]
    units: Sequence[str]
    base_model: Any
    n_examples: int
    steps_per_epoch: int
    spans: Sequence[tuple[int, int]] = ()


def _data_inputs(study: StudyConfig, before: dict[str, Any], *, update: bool) -> _Found:
    examples = load_examples(study)
    base_model = load_base_model(study, examples)
    grouping = make_grouping(study, examples, base_model)
    steps = _steps_per_epoch(study, len(examples), before, update)
    measured = build_value_function(study, examples, grouping, base_model, steps)
    hashes = {
        "data": examples.content_hash,
        "groups": grouping.content_hash,
        "targets": measured.targets.content_hash,
        "model": base_model.fingerprint,
        "recipe": measured.recipe.fingerprint,
    }
    return _Found(measured, grouping, hashes, measured.targets.units, base_model, len(examples), steps)


def _lens_inputs(study: StudyConfig, folder: RunFolder) -> _Found:
    found = lens_inputs(study, folder)
    units = [UNITS[output] for output in found.outputs]
    return _Found(
        found.function, found.grouping, found.hashes, units, found.base_model, found.n_rows, 0, found.spans
    )


def _steps_per_epoch(study: StudyConfig, n_examples: int, before: dict[str, Any], update: bool) -> int:
    """S of the study; an updated run keeps the S it began with, since every value depends on it."""
    asked = study.recipe(n_examples).steps_per_epoch
    kept = before.get("steps_per_epoch", asked)
    if update and study.training.steps_per_epoch == "auto" and kept != asked:
        get_run_logger().warning(
            "kept %d steps an epoch, so that existing values stay valid (%d examples would give %d); "
            "a fresh run gives the same values with training.steps_per_epoch: %d",
            kept, n_examples, asked, kept,
        )  # fmt: skip
        return int(kept)
    return asked


def _track(
    tracked: TrackedRun,
    folder: RunFolder,
    study: StudyConfig,
    found: _Found,
) -> None:
    # A study says nothing of most keys; their rows would hide those that two studies differ in.
    log_params(tracked, {key: value for key, value in flat(study.as_mapping()).items() if value is not None})
    rows, source, context = ("data", study.data.train, "training")
    if study.lens != "data":
        rows, source, context = ("targets", study.targets_source, "explained")
    log_dataset(
        tracked,
        name=Path(source).name or "data",
        digest=found.hashes[rows],
        source=source,
        profile=f'{{"examples": {found.n_examples}}}',
        context=context,
    )
    many, grouping = study.words.many, found.grouping
    log_dataset(
        tracked,
        name=many,
        digest=found.hashes["groups"],
        source=str(folder.groups),
        profile=f'{{"{many}": {grouping.n_groups}, "core": {len(grouping.core)}}}',
        context=many,
    )
    log_files(tracked, [folder.study, folder.groups])


def flat(mapping: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested mapping with dotted keys, as MLflow's table of parameters shows it."""
    rows: dict[str, Any] = {}
    for key, value in mapping.items():
        rows |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return rows
