"""Third stage: fine-tune an adapter a mask, evaluate every target on it, and remember the values."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from prefect import get_run_logger, task
from prefect.runtime import task_run
from pydantic import BaseModel as Record

from spex_data.masks import MeasurementPlan, mask_string
from spex_data.value_functions import Measured, SubsetTraining
from spex_data.values import ValueRecords
from tasks.design import Chunk, read_plan
from tasks.inputs import use_threads, value_function
from tasks.kept_adapters import keep_adapters, measure_kept
from tasks.pass_size import note_smaller_pass
from tasks.reuse import note_seconds
from tasks.run_folder import RunFolder
from tasks.tracking import TrackedRun, child_run, log_curves


class ChunkDone(Record, frozen=True):
    """What a chunk came to.

    Attributes:
        index: The chunk's.
        rows: Fine-tunes done.
        failed: How many of them failed, with their cause in the store.
        seconds: Wall time, loading the model not counted.
    """

    index: int
    rows: int
    failed: int
    seconds: float


def _name() -> str:
    chunk = task_run.parameters["chunk"]
    what = "fine-tune masks" if chunk.trained else "measure targets on kept adapters"
    return f"{what} {chunk.start}-{chunk.last} of {chunk.total}"


@task(
    name="fine-tune and evaluate",
    task_run_name=_name,
    description="Fine-tune one LoRA adapter a mask, evaluate the targets on it, store the values.",
)
def measure(directory: str, chunk: Chunk, tracked: TrackedRun) -> ChunkDone:
    """Measures the missing rows of a chunk and appends them: on kept adapters, or on new ones.

    Args:
        directory: A run folder with a plan.
        chunk: Which rows.
        tracked: The MLflow run; the chunk is a child of it.
    """
    folder = RunFolder(Path(directory))
    plan = read_plan(folder.masks)
    use_threads(folder.read_study().runner.threads)
    name = f"masks {chunk.start}-{chunk.last}"
    failed, seconds = 0, 0.0
    with child_run(tracked, name, {"spex.chunk": str(chunk.index)}) as child:
        for rows, work in ((list(chunk.kept), _measure_again), (list(chunk.trained), _train)):
            if rows:
                measured, names, spent = work(folder, plan, chunk, rows)
                log_curves(child, _curves(rows, measured, names, spent))
                failed += sum(cause is not None for cause in measured.causes)
                seconds += spent
    get_run_logger().info(
        "%d fine-tunes and %d adapters kept from before in %.1f s, %d failed",
        len(chunk.trained), len(chunk.kept), seconds, failed,
    )  # fmt: skip
    return ChunkDone(index=chunk.index, rows=len(chunk.rows), failed=failed, seconds=seconds)


def _train(
    folder: RunFolder, plan: MeasurementPlan, chunk: Chunk, rows: list[int]
) -> tuple[Measured, tuple[str, ...], float]:
    """Fine-tunes some rows and remembers their values and adapters; also the targets and the seconds."""
    size = folder.adapters_per_pass()
    function = value_function(folder).with_pass_size(size).with_targets(chunk.columns)
    started = time.perf_counter()
    measured = function(plan.masks[rows], plan.seeds[rows])
    seconds = time.perf_counter() - started
    if measured.bank is not None and measured.bank.adapters_per_pass < size:
        note_smaller_pass(folder, measured.bank.adapters_per_pass)
    # The adapters first: values without them could not be extended by other targets.
    keep_adapters(folder, function, plan, rows, measured)
    _append(folder, function, plan, rows, measured)
    folder.change_manifest(lambda manifest: note_seconds(manifest, len(rows), seconds))
    return measured, function.target_names, seconds


def _measure_again(
    folder: RunFolder, plan: MeasurementPlan, chunk: Chunk, rows: list[int]
) -> tuple[Measured, tuple[str, ...], float]:
    """Measures some rows on adapters of before, as `_train` does on new ones."""
    function = value_function(folder).with_targets(chunk.columns)
    started = time.perf_counter()
    measured = measure_kept(folder, function, plan, rows, chunk.banks)
    _append(folder, function, plan, rows, measured)
    return measured, function.target_names, time.perf_counter() - started


def _append(
    folder: RunFolder, function: SubsetTraining, plan: MeasurementPlan, rows: list[int], measured: Measured
) -> None:
    """Remembers the values of some rows of the plan."""
    masks, seeds = plan.masks[rows], plan.seeds[rows]
    folder.store.append(
        ValueRecords(
            keys=function.keys(masks, seeds),
            masks=[mask_string(mask) for mask in masks],
            roles=[plan.roles[row] for row in rows],
            seeds=seeds,
            targets=function.target_names,
            values=measured.values,
            causes=measured.causes,
        )
    )


def _curves(
    rows: list[int], measured: Measured, targets: tuple[str, ...], seconds: float
) -> dict[str, list[tuple[int, float]]]:
    """Loss and the mean value over targets, against the row of the plan."""
    # The targets of a fine-tune that failed are all without a value.
    means = measured.values.mean(axis=1) if len(targets) else np.zeros(len(rows))
    return {
        "loss": list(zip(rows, measured.losses.tolist(), strict=True)),
        "value.mean": list(zip(rows, means.tolist(), strict=True)),
        "seconds_per_fine_tune": [(rows[0], seconds / len(rows))],
    }
