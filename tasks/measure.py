"""Third stage: fine-tune an adapter a mask, evaluate every target on it, and remember the values."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from prefect import get_run_logger, task
from prefect.runtime import task_run
from pydantic import BaseModel as Record

from spex_data.masks import MeasurementPlan, mask_string
from spex_data.study import StudyConfig
from spex_data.value_functions import Measured
from spex_data.values import ValueRecords
from tasks.design import Chunk, read_plan
from tasks.inputs import use_threads, value_function
from tasks.pass_size import note_smaller_pass
from tasks.retries import TASK_OPTIONS
from tasks.run_folder import RunFolder
from tasks.spans import Span


class Row(Record, frozen=True):
    """What a fine-tune came to, in numbers for curves; the values themselves are in the store.

    Attributes:
        row: Of the plan.
        loss: Final training loss, NaN where there is none.
        value: Mean over the targets, NaN where it failed.
    """

    row: int
    loss: float
    value: float


class SpanDone(Record, frozen=True):
    """What a span came to.

    Attributes:
        rows: Fine-tunes done.
        failed: How many of them failed, with their cause in the store.
        started: When its first chunk began, in seconds since the epoch.
        seconds: Wall time of fine-tuning and measuring, loading the model not counted.
    """

    rows: tuple[Row, ...]
    failed: int
    started: float
    seconds: float


@task(
    name="fine-tune and evaluate",
    task_run_name="fine-tune masks {span.start}-{span.last} of {span.total}",
    description="Fine-tune one LoRA adapter a mask, evaluate the targets on it, store the values.",
    tags=["train"],
    **TASK_OPTIONS,
)
def measure(directory: str, span: Span) -> SpanDone:
    """Measures the missing rows of a span and appends them, a part file a chunk.

    Args:
        directory: A run folder with a plan.
        span: Which rows; when it is tried again, those that the store has by now are left out.
    """
    folder = RunFolder(Path(directory))
    study, plan = folder.read_study(), read_plan(folder.masks)
    use_threads(study.runner.threads)
    again = (task_run.run_count or 1) > 1
    rows: list[Row] = []
    failed, seconds, started = 0, 0.0, time.time()
    for chunk in span.chunks:
        measured, spent = _measure_chunk(study, folder, chunk, plan, again=again)
        if measured is None:
            continue
        causes = sum(cause is not None for cause in measured.causes)
        failed, seconds = failed + causes, seconds + spent
        rows += _rows(chunk, measured)
    get_run_logger().info("%d fine-tunes in %.1f s, %d failed", len(rows), seconds, failed)
    return SpanDone(rows=tuple(rows), failed=failed, started=started, seconds=seconds)


def _measure_chunk(
    study: StudyConfig, folder: RunFolder, chunk: Chunk, plan: MeasurementPlan, *, again: bool
) -> tuple[Measured | None, float]:
    """Measures a chunk and stores it; None if the store has it."""
    size = folder.adapters_per_pass()
    measure_values = value_function(folder).with_pass_size(size)
    rows = list(chunk.rows)
    masks, seeds = plan.masks[rows], plan.seeds[rows]
    keys = measure_values.keys(masks, seeds)
    if again and folder.store.read().lookup(keys)[0].all():
        return None, 0.0
    started = time.perf_counter()
    measured = measure_values(masks, seeds)
    seconds = time.perf_counter() - started
    if measured.bank is not None and measured.bank.adapters_per_pass < size:
        note_smaller_pass(folder, measured.bank.adapters_per_pass)
    folder.store.append(
        ValueRecords(
            keys=keys,
            masks=[mask_string(mask) for mask in masks],
            roles=[plan.roles[row] for row in rows],
            seeds=seeds,
            targets=measure_values.target_names,
            values=measured.values,
            causes=measured.causes,
        )
    )
    _keep_adapters(study, folder, chunk, plan, measured)
    return measured, seconds


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


def _rows(chunk: Chunk, measured: Measured) -> list[Row]:
    # The targets of a fine-tune that failed are all without a value.
    means = measured.values.mean(axis=1) if measured.values.size else np.zeros(len(measured.values))
    numbers = zip(chunk.rows, measured.losses.tolist(), means.tolist(), strict=True)
    return [Row(row=row, loss=loss, value=value) for row, loss, value in numbers]
