"""First stage: read the data, make the groups, load the model, and write down what they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import get_run_logger, task
from pydantic import BaseModel as Record

from spex_data.data import Examples
from spex_data.errors import StoreError
from spex_data.groups import Grouping
from spex_data.study import StudyConfig
from spex_data.values import write_parquet
from tasks.inputs import (
    build_value_function,
    draw_plan,
    keep_value_function,
    load_base_model,
    load_examples,
    make_grouping,
    use_threads,
)
from tasks.pass_size import decide_pass_size
from tasks.run_folder import RunFolder, provenance
from tasks.tracking import TrackedRun, log_dataset, log_files, log_params


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
    hashed = before.get("hashes", {})
    changed = [what for what in hashes if what in hashed and hashed[what] != hashes[what]]
    refused = [what for what in changed if not update and not (extend and what == "targets")]
    if refused:
        raise StoreError(
            f"was begun with other {' and '.join(refused)} than the study names now",
            where=str(folder.directory),
            instead="choose another folder with --out, or write --update to reuse the values still valid",
        )
    write_parquet(grouping.to_table(), folder.groups)
    keep_value_function(folder, measured)
    folder.update_manifest(
        {
            "study": study.name,
            "seed": study.seed,
            "hashes": hashes,
            "steps_per_epoch": steps,
            **decide_pass_size(study, measured, draw_plan(study, grouping)[1], before),
            "n_groups": grouping.n_groups,
            "n_examples": len(examples),
            "n_targets": len(measured.targets),
            "units": list(measured.targets.units),
            "device": base_model.device,
            "dtype": base_model.dtype,
            **provenance(),
        }
    )
    _track(tracked, folder, study, examples, grouping, hashes)
    get_run_logger().info(
        "%d examples in %d groups (%d always on), %d targets, %s on %s",
        len(examples), grouping.n_groups, len(grouping.core), len(measured.targets.names),
        base_model.source, base_model.device,
    )  # fmt: skip
    return Prepared(
        n_groups=grouping.n_groups,
        n_examples=len(examples),
        n_core=len(grouping.core),
        targets=measured.target_names,
        steps_per_epoch=steps,
        changed=tuple(what for what in changed if what != "recipe"),
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
    examples: Examples,
    grouping: Grouping,
    hashes: dict[str, str],
) -> None:
    log_params(tracked, flat(study.as_mapping()))
    log_dataset(
        tracked,
        name=Path(study.data.train).name or "data",
        digest=hashes["data"],
        source=study.data.train,
        profile=f'{{"examples": {len(examples)}}}',
        context="training",
    )
    log_dataset(
        tracked,
        name="groups",
        digest=hashes["groups"],
        source=str(folder.groups),
        profile=f'{{"groups": {grouping.n_groups}, "core": {len(grouping.core)}}}',
        context="groups",
    )
    log_files(tracked, [folder.study, folder.groups])


def flat(mapping: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested mapping with dotted keys, as MLflow's table of parameters shows it."""
    rows: dict[str, Any] = {}
    for key, value in mapping.items():
        rows |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return rows
