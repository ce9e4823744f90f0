"""Third stage: fine-tune an adapter a mask, evaluate every target on it, and remember the values."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from prefect import get_run_logger, task
from pydantic import BaseModel as Record

from spex_data.masks import MeasurementPlan, mask_string
from spex_data.study import StudyConfig
from spex_data.value_functions import Measured
from spex_data.values import ValueRecords
from tasks.design import Chunk, read_plan
from tasks.inputs import use_threads, value_function
from tasks.pass_size import note_smaller_pass
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


@task(
    name="fine-tune and evaluate",
    task_run_name="fine-tune masks {chunk.start}-{chunk.last} of {chunk.total}",
    description="Fine-tune one LoRA adapter a mask, evaluate the targets on it, store the values.",
)
def measure(directory: str, chunk: Chunk, tracked: TrackedRun) -> ChunkDone:
    """Measures the missing rows of a chunk and appends them as one part file.

    Args:
        directory: A run folder with a plan.
        chunk: Which rows.
        tracked: The MLflow run; the chunk is a child of it.
    """
    folder = RunFolder(Path(directory))
    study, plan, size = folder.read_study(), read_plan(folder.masks), folder.adapters_per_pass()
    use_threads(study.runner.threads)
    measure_values = value_function(folder).with_pass_size(size)
    rows = list(chunk.rows)
    masks, seeds = plan.masks[rows], plan.seeds[rows]
    name = f"masks {chunk.start}-{chunk.stop - 1}"
    with child_run(tracked, name, {"spex.chunk": str(chunk.index)}) as child:
        started = time.perf_counter()
        measured = measure_values(masks, seeds)
        seconds = time.perf_counter() - started
        if measured.bank is not None and measured.bank.adapters_per_pass < size:
            note_smaller_pass(folder, measured.bank.adapters_per_pass)
        folder.store.append(
            ValueRecords(
                keys=measure_values.keys(masks, seeds),
                masks=[mask_string(mask) for mask in masks],
                roles=[plan.roles[row] for row in rows],
                seeds=seeds,
                targets=measure_values.target_names,
                values=measured.values,
                causes=measured.causes,
            )
        )
        _keep_adapters(study, folder, chunk, plan, measured)
        log_curves(child, _curves(rows, measured, measure_values.target_names, seconds))
    failed = sum(cause is not None for cause in measured.causes)
    get_run_logger().info("%d fine-tunes in %.1f s, %d failed", len(rows), seconds, failed)
    return ChunkDone(index=chunk.index, rows=len(rows), failed=failed, seconds=seconds)


def _keep_adapters(
    study: StudyConfig, folder: RunFolder, chunk: Chunk, plan: MeasurementPlan, measured: Measured
) -> None:
    """Saves the chunk's adapters as the study's policy says: all, the held-out ones, or none."""
    if measured.bank is None or study.training.keep == "none":
        return
    wanted = [
        place
        for place, row in enumerate(chunk.rows)
        if study.training.keep == "all" or plan.roles[row] == "heldout"
    ]
    if wanted:
        rows = [chunk.rows[place] for place in wanted]
        measured.bank.select(wanted).save(folder.adapters / f"rows-{rows[0]:06d}-{rows[-1]:06d}.safetensors")


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
