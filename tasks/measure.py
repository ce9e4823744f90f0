"""Third stage: fine-tune an adapter a mask, evaluate every target on it, and remember the values."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from prefect import get_run_logger, task
from prefect.runtime import task_run
from pydantic import BaseModel as Record

from spex_data.masks import MeasurementPlan, mask_string
from spex_data.value_functions import Measured, SubsetTraining
from spex_data.values import ValueRecords
from tasks.design import Chunk, read_plan
from tasks.inputs import role_function, use_threads, value_function
from tasks.kept_adapters import keep_adapters, measure_kept
from tasks.pass_size import note_smaller_pass
from tasks.retries import TASK_OPTIONS
from tasks.reuse import note_seconds
from tasks.run_folder import RunFolder
from tasks.spans import Span
from tasks.workers import end_with_parent


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
        rows: What was measured now.
        done: Rows of the plan that are measured by now: fewer than the span's where time was over.
        failed: How many of them failed, with their cause in the store.
        started: When its first chunk began, in seconds since the epoch.
        seconds: Wall time of fine-tuning and measuring, loading the model not counted.
    """

    rows: tuple[Row, ...]
    done: int
    failed: int
    started: float
    seconds: float


def _name() -> str:
    span = task_run.parameters["span"]
    if span.stage == "verify":
        return f"retrain corners {span.start}-{span.last} of {span.total}"
    trained = any(chunk.trained for chunk in span.chunks)
    what = "fine-tune masks" if trained else "measure targets on kept adapters"
    return f"{what} {span.start}-{span.last} of {span.total}"


@task(
    name="fine-tune and evaluate",
    task_run_name=_name,
    description="Fine-tune one LoRA adapter a mask, evaluate the targets on it, store the values.",
    tags=["train"],
    **TASK_OPTIONS,
)
def measure(directory: str, span: Span, deadline: float | None = None) -> SpanDone:
    """Measures the missing rows of a span and appends them, chunk by chunk: on kept adapters, or on new ones.

    Args:
        directory: A run folder with a plan.
        span: Which rows; when it is tried again, those that the store has by now are left out.
        deadline: When to begin no further chunk but the first, in seconds since 1970; None for never.
    """
    end_with_parent()
    folder = RunFolder(Path(directory))
    plan = read_plan(folder.directory / span.plan)
    use_threads(folder.read_study().runner.threads)
    again = (task_run.run_count or 1) > 1
    n_outputs = len(value_function(folder).targets)
    rows: list[Row] = []
    done, failed, seconds, started = 0, 0, 0.0, time.time()
    for chunk in span.chunks:
        late = deadline is not None and time.time() > deadline
        if (done and late) or folder.stopping.exists():
            break
        done += len(chunk.rows)
        if again and _is_stored(folder, plan, chunk):
            continue
        for some, work in ((list(chunk.kept), _measure_again), (list(chunk.trained), _train)):
            if some:
                measured, spent = work(folder, plan, chunk, some)
                failed += sum(cause is not None for cause in measured.causes)
                seconds += spent
                rows += _rows(some, measured.values[:, :n_outputs], measured.losses)
    kept = sum(len(chunk.kept) for chunk in span.chunks)
    get_run_logger().info(
        "%d fine-tunes and %d adapters kept from before in %.1f s, %d failed",
        len(rows) - kept, kept, seconds, failed,
    )  # fmt: skip
    return SpanDone(rows=tuple(rows), done=done, failed=failed, started=started, seconds=seconds)


def _function(folder: RunFolder, plan: MeasurementPlan, chunk: Chunk) -> SubsetTraining:
    """What the rows of a chunk, which have one role's training, are measured by."""
    return role_function(folder, plan.roles[chunk.rows[0]]).with_targets(chunk.columns)


def _is_stored(folder: RunFolder, plan: MeasurementPlan, chunk: Chunk) -> bool:
    """Whether an earlier try of the task has stored a chunk."""
    rows = list(chunk.rows)
    keys = _function(folder, plan, chunk).keys(plan.masks[rows], plan.seeds[rows])
    return bool(folder.store.read().lookup(keys)[0].all())


def _train(folder: RunFolder, plan: MeasurementPlan, chunk: Chunk, rows: list[int]) -> tuple[Measured, float]:
    """Fine-tunes some rows and remembers their values and adapters; also the seconds."""
    size = folder.adapters_per_pass()
    function = _function(folder, plan, chunk).with_pass_size(size)
    started = time.perf_counter()
    measured = function(plan.masks[rows], plan.seeds[rows])
    seconds = time.perf_counter() - started
    if measured.bank is not None and measured.bank.adapters_per_pass < size:
        note_smaller_pass(folder, measured.bank.adapters_per_pass)
    # The adapters first: values without them could not be extended by other targets.
    keep_adapters(folder, function, plan, rows, measured)
    _append(folder, function, plan, rows, measured)
    folder.change_manifest(lambda manifest: note_seconds(manifest, len(rows), seconds))
    return measured, seconds


def _measure_again(
    folder: RunFolder, plan: MeasurementPlan, chunk: Chunk, rows: list[int]
) -> tuple[Measured, float]:
    """Measures some rows on adapters of before, as `_train` does on new ones."""
    function = _function(folder, plan, chunk)
    started = time.perf_counter()
    measured = measure_kept(folder, function, plan, rows, chunk.banks)
    _append(folder, function, plan, rows, measured)
    return measured, time.perf_counter() - started


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


def _rows(rows: list[int], values: NDArray[np.float64], losses: NDArray[np.float64]) -> list[Row]:
    """Of the study's own outputs, float64[r, t]: other scales come after them."""
    # The targets of a fine-tune that failed are all without a value.
    means = values.mean(axis=1) if values.size else np.zeros(len(values))
    numbers = zip(rows, losses.tolist(), means.tolist(), strict=True)
    return [Row(row=row, loss=loss, value=value) for row, loss, value in numbers]
