"""The value function of a prepared run, whatever its lens; built once a thread, for models are not shared."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from spex_data.errors import StoreError
from spex_data.groups import Grouping
from tasks.inputs import build_value_function, load_base_model, load_examples
from tasks.lens_inputs import lens_inputs
from tasks.run_folder import RunFolder
from tasks.workers import accelerators, claim_device

VERIFY, FILTERED = "verify", "verify-filtered"
"""Roles of what is retrained, by the study's own schedule and by the filtered one."""

if TYPE_CHECKING:
    from spex_data.value_functions import ValueFunction


def value_function(folder: RunFolder) -> ValueFunction:
    """The value function of a prepared run, built once a thread: training puts adapters on its base model.

    Raises:
        StoreError: The data or the model changed since the run was prepared.
    """
    if getattr(_built, "stamp", None) != _stamp(folder):
        with _one_loads_at_a_time:
            keep_value_function(folder, _load_value_function(folder))
    return _built.function  # type: ignore[no-any-return]


def role_function(folder: RunFolder, role: str) -> Any:
    """What rows of a role are measured by: what is retrained on all scales, some of it by another schedule.

    Args:
        folder: A run folder that is prepared.
        role: As in `MeasurementPlan.roles`.
    """
    function: Any = value_function(folder)
    if role not in (VERIFY, FILTERED):
        return function
    return function.on_scales().with_schedule("filtered") if role == FILTERED else function.on_scales()


def keep_value_function(folder: RunFolder, function: ValueFunction) -> None:
    """Lets this thread's next `value_function` of the folder be one that is there already."""
    _built.function, _built.stamp = function, _stamp(folder)


_built = threading.local()
_one_loads_at_a_time = threading.Lock()
"""transformers fills a model under settings of the whole process."""


def _stamp(folder: RunFolder) -> tuple[str, int]:
    return str(folder.directory.resolve()), folder.groups.stat().st_mtime_ns


def _load_value_function(folder: RunFolder) -> ValueFunction:
    study, manifest = folder.read_study(), folder.read_manifest()
    if study.lens != "data":
        devices = accelerators(study)
        found = lens_inputs(study, folder, claim_device(folder.directory, devices) if devices else None)
        _require_unchanged(folder, manifest, found.hashes)
        return found.function
    examples = load_examples(study)
    devices = accelerators(study)
    base_model = load_base_model(
        study, examples, claim_device(folder.directory, devices) if devices else None
    )
    _require_unchanged(folder, manifest, {"data": examples.content_hash, "model": base_model.fingerprint})
    grouping = Grouping.from_table(pq.read_table(folder.groups))
    return build_value_function(study, examples, grouping, base_model, manifest["steps_per_epoch"])


def _require_unchanged(folder: RunFolder, manifest: dict[str, Any], found: dict[str, str]) -> None:
    for what, fingerprint in found.items():
        if manifest["hashes"][what] != fingerprint:
            raise StoreError(
                f"the {what} changed while the run was going on",
                where=str(folder.directory),
                instead="run the command again with --update",
            )
