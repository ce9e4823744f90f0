"""Second stage: draw the masks, and ask the store which of their values are missing."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from prefect import get_run_logger, task
from pydantic import BaseModel as Record
from pydantic import Field

from spex_data.groups import Grouping
from spex_data.masks import MaskDesign, MeasurementPlan, mask_string, masks_from_strings
from spex_data.study import StudyConfig
from spex_data.values import write_parquet
from tasks.inputs import plan_of, value_function
from tasks.kept_adapters import find_kept
from tasks.masks_so_far import design_of_next_round, design_so_far, study_rounds
from tasks.prepare import Prepared
from tasks.retries import TASK_OPTIONS
from tasks.reuse import Reuse, find_reuse, reuse_words, seconds_a_fine_tune
from tasks.run_folder import RunFolder
from tasks.tracking import TrackedRun, log_files

PLAN = "masks.parquet"


class Chunk(Record, frozen=True):
    """Rows of the plan that one task measures.

    Attributes:
        index: Place among the chunks of the plan, whatever is already done.
        start: First row of the chunk.
        stop: One past its last row.
        total: Rows of the whole plan.
        rows: The rows of it whose values are missing.
        kept: Those of them that have a kept adapter, and need no training.
        banks: The files of these adapters.
        columns: The targets that some of the rows lack.
        plan: File in the run folder that lists the rows; another one than the study's for verification.
    """

    index: int
    start: int
    stop: int
    total: int
    rows: tuple[int, ...]
    kept: tuple[int, ...] = ()
    banks: tuple[str, ...] = ()
    columns: tuple[int, ...] = ()
    plan: str = PLAN

    @property
    def trained(self) -> tuple[int, ...]:
        """The rows that are fine-tuned."""
        return tuple(row for row in self.rows if row not in self.kept)

    @property
    def last(self) -> int:
        """Its last row, as names show it."""
        return self.stop - 1


class Design(Record, frozen=True):
    """What is to be measured.

    Attributes:
        n_masks: Training masks.
        n_heldout: Held-out masks.
        total: Fine-tunes of the whole plan.
        done: Fine-tunes whose values the store already has.
        kept: Of the others, those whose adapter is kept: they are measured, not trained.
        exhaustive: Whether every mask there is will be measured.
        chunks: The chunks with something missing; not in its JSON, which Prefect keeps of every flow run and
            which must not grow with the masks.
        words: What is reused and why, to be said before anything is trained.
        title: Which masks of a round these are, for a study in rounds; None for another.
    """

    n_masks: int
    n_heldout: int
    total: int
    done: int
    exhaustive: bool
    chunks: tuple[Chunk, ...] = Field(exclude=True)
    kept: int = 0
    words: tuple[str, ...] = ()
    title: str | None = None

    @property
    def missing(self) -> int:
        """Fine-tunes still to do."""
        return self.total - self.done


@task(
    name="design",
    task_run_name="design masks over {prepared.n_groups} groups",
    description="Draw training and held-out masks; ask the store which fine-tunes are missing.",
    tags=["train"],
    **TASK_OPTIONS,
)
def design(directory: str, prepared: Prepared, tracked: TrackedRun, *, measured: int | None = None) -> Design:
    """Draws the masks and finds what is missing.

    Args:
        directory: The run folder.
        prepared: What the stage before found in it.
        tracked: The MLflow run.
        measured: Training masks of the rounds measured, to which those of the next are added; None: those of
            the rounds begun, or of the first. Tried again, it adds nothing more.
    """
    folder = RunFolder(Path(directory))
    study = folder.read_study()
    grouping = Grouping.from_table(pq.read_table(folder.groups))
    drawn = design_so_far(folder, study, grouping)
    if measured == len(drawn.training):
        drawn = design_of_next_round(folder, study, grouping)
    plan = plan_of(study, drawn)
    write_plan(plan, folder.masks, _origins(plan, drawn))
    stored = folder.store.read()
    for name in stored.damaged:
        get_run_logger().warning("%s could not be read; its fine-tunes are done again", name)
    reuse = find_reuse(plan, value_function(folder), stored, find_kept(folder))
    chunks = [
        _chunk(index, rows, reuse, len(plan)) for index, rows in enumerate(plan.chunks(study.runner.chunk))
    ]
    log_files(tracked, [folder.masks])
    done, kept = len(plan) - int(reuse.missing.sum()), int(reuse.kept.sum())
    words = reuse_words(
        total=len(plan),
        done=done,
        kept=kept,
        stored=reuse.stored,
        changed=prepared.changed,
        seconds=seconds_a_fine_tune(folder.read_manifest()),
    )
    for line in words:
        get_run_logger().info("%s", line)
    get_run_logger().info(
        "%d masks over %d groups and %d held out, %d fine-tunes in all; %d already measured",
        len(drawn.training), prepared.n_groups, len(drawn.heldout), len(plan), done,
    )  # fmt: skip
    return Design(
        n_masks=len(drawn.training),
        n_heldout=len(drawn.heldout),
        total=len(plan),
        done=done,
        exhaustive=drawn.exhaustive,
        chunks=tuple(chunk for chunk in chunks if chunk.rows),
        kept=kept,
        words=tuple(words),
        title=_title(study, grouping, len(drawn.training)) if study.in_rounds else None,
    )


def _title(study: StudyConfig, grouping: Grouping, n_masks: int) -> str:
    """A round as pages name it: "round 2: masks 64-95 of at most 256"."""
    ends = [0, *study_rounds(study, study.mask_design(grouping.keys))]
    number = sum(end < n_masks for end in ends)
    return f"round {number}: masks {ends[number - 1]}-{n_masks - 1} of at most {ends[-1]}"


def _chunk(index: int, rows: range, reuse: Reuse, total: int) -> Chunk:
    missing = [row for row in rows if reuse.missing[row]]
    kept = tuple(row for row in missing if reuse.kept[row])
    return Chunk(
        index=index,
        start=rows.start,
        stop=rows.stop,
        total=total,
        rows=tuple(missing),
        kept=kept,
        banks=tuple(sorted({str(reuse.banks[row]) for row in kept})),
        columns=tuple(np.flatnonzero(~reuse.known[missing].all(axis=0)).tolist()),
    )


def read_plan(path: Path) -> MeasurementPlan:
    """The plan that `design` wrote; of a file that did not change it is read once a process."""
    found = path.stat()
    return _read_plan(path.resolve(), found.st_ino, found.st_mtime_ns)


@lru_cache(maxsize=2)
def _read_plan(path: Path, _inode: int, _changed: int) -> MeasurementPlan:
    table = pq.read_table(path)
    return MeasurementPlan(
        masks_from_strings(table["mask"].to_pylist()),
        table["seed"].to_numpy().astype(np.int64),
        tuple(table["role"].to_pylist()),
    )


def write_plan(plan: MeasurementPlan, path: Path, more: Mapping[str, pa.Array] | None = None) -> None:
    """Writes the mask, role and seed of each row, as `read_plan` reads them, and further columns."""
    table = {
        "mask": pa.array([mask_string(mask) for mask in plan.masks], pa.string()),
        "role": pa.array(plan.roles, pa.string()),
        "seed": pa.array(plan.seeds, pa.int64()),
        **(more or {}),
    }
    write_parquet(pa.table(table), path)


def _origins(plan: MeasurementPlan, drawn: MaskDesign) -> dict[str, pa.Array]:
    """The draw of each row, and whether it is lawful: what a round that goes on has to know of its masks."""
    keys = [mask_string(mask) for mask in (*drawn.heldout, *drawn.training)]
    lawful = np.ones(len(drawn.training), np.bool_) if drawn.lawful is None else drawn.lawful
    flags = [*([True] * len(drawn.heldout)), *lawful.tolist()]
    known = dict(
        zip(keys, zip((*drawn.heldout_draws, *drawn.training_draws), flags, strict=True), strict=True)
    )
    masks = [mask_string(mask) for mask in plan.masks]
    return {
        "draw": pa.array([int(known[mask][0]) for mask in masks], pa.int64()),
        "lawful": pa.array([known[mask][1] for mask in masks], pa.bool_()),
    }
