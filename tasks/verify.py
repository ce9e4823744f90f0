"""Fifth stage: retrain the corners of what was found, by the same road, and say what came of it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prefect import get_run_logger, task
from pydantic import BaseModel as Record

from spex_data.errors import ConfigError
from spex_data.evaluation import scale_columns
from spex_data.masks import mask_string
from spex_data.reports import Recovery, verification_document, with_verdicts, write_document
from spex_data.study import StudyConfig
from spex_data.value_functions import SubsetTraining
from spex_data.values import ValueRecords, ValueTable, read_value_table, write_value_table
from spex_data.verification import judge
from tasks.inputs import use_threads, value_function
from tasks.pass_size import note_smaller_pass
from tasks.run_folder import RunFolder
from tasks.tracking import TrackedRun, child_run, log_curves, log_files
from tasks.verify_plan import Asked, asked_of_study, read_rows, write_rows

ROLE, FILTERED = "verify", "verify-filtered"


class Retraining(Record, frozen=True):
    """Fine-tunes that one task does.

    Attributes:
        plan: File in the run folder that lists what is retrained.
        start: First row of the chunk, of the rows of verification.
        stop: One past its last row.
        total: Rows of verification in all.
        rows: Those whose values are missing; all of one schedule.
    """

    plan: str
    start: int
    stop: int
    total: int
    rows: tuple[int, ...]


class Planned(Record, frozen=True):
    """What verification will do.

    Attributes:
        total: Fine-tunes.
        done: Those that the store has already.
        chunks: What is missing.
        note: Why there is nothing to do, or less than asked for.
    """

    total: int = 0
    done: int = 0
    chunks: tuple[Retraining, ...] = ()
    note: str | None = None


@task(
    name="choose what to retrain",
    task_run_name="choose what to retrain",
    description="Choose the interactions to verify and the corners to retrain, within the share allowed.",
)
def plan_verification(directory: str, recovery: Recovery, tracked: TrackedRun) -> Planned:
    """Writes verify-masks.parquet and finds what of it is missing.

    Args:
        directory: The run folder.
        recovery: What was found.
        tracked: The MLflow run.
    """
    folder = RunFolder(Path(directory))
    try:
        asked = asked_of_study(folder, recovery)
    except ConfigError as error:
        get_run_logger().warning("nothing is verified: %s", error)
        return Planned(note=f"{error.where} {error.what}; {error.instead}")
    planned = plan_rows(folder, asked, folder.verify_masks)
    log_files(tracked, [folder.verify_masks])
    get_run_logger().info(
        "%d interactions and %d controls on %d backgrounds: %d fine-tunes, %d already measured",
        sum(one.role == "claim" for one in asked.hypotheses),
        sum(one.role != "claim" for one in asked.hypotheses),
        asked.design.n_rounds, planned.total, planned.done,
    )  # fmt: skip
    return planned


def plan_rows(folder: RunFolder, asked: Asked, path: Path) -> Planned:
    """Writes the fine-tunes that are asked for to a file, and finds those that the store lacks."""
    masks, seeds, roles = write_rows(path, asked)
    missing = np.flatnonzero(~_stored(folder, masks, seeds, roles)[0]).tolist()
    size = folder.read_study().runner.chunk
    chunks = []
    for start in range(0, len(roles), size):
        stop = min(start + size, len(roles))
        for role in (ROLE, FILTERED):
            rows = tuple(row for row in missing if start <= row < stop and roles[row] == role)
            if rows:
                chunks.append(Retraining(plan=path.name, start=start, stop=stop, total=len(roles), rows=rows))
    note = None if asked.hypotheses else "no interaction was found that could be retrained"
    return Planned(total=len(roles), done=len(roles) - len(missing), chunks=tuple(chunks), note=note)


@task(
    name="retrain and evaluate",
    task_run_name="retrain corners {chunk.start}-{chunk.stop} of {chunk.total}",
    description="Fine-tune the corners that decide an interaction, evaluate the targets, store the values.",
)
def retrain(directory: str, chunk: Retraining, tracked: TrackedRun) -> tuple[int, int]:
    """Measures the missing rows of a chunk, every target on every scale, and appends them to the store.

    Args:
        directory: A run folder whose verification is planned.
        chunk: Which rows.
        tracked: The MLflow run; the chunk is a child of it.

    Returns:
        (fine-tunes done, how many of them failed).
    """
    folder = RunFolder(Path(directory))
    use_threads(folder.read_study().runner.threads)
    masks, seeds, roles = read_rows(folder.directory / chunk.plan)
    rows = list(chunk.rows)
    size = folder.adapters_per_pass()
    function = _function(folder, roles[rows[0]]).with_pass_size(size)
    with child_run(tracked, f"verify {chunk.start}-{chunk.stop - 1}", {"spex.stage": "verify"}) as child:
        started = time.perf_counter()
        measured = function(masks[rows], seeds[rows])
        seconds = (time.perf_counter() - started) / len(rows)
        if measured.bank is not None and measured.bank.adapters_per_pass < size:
            note_smaller_pass(folder, measured.bank.adapters_per_pass)
        folder.store.append(
            ValueRecords(
                keys=function.keys(masks[rows], seeds[rows]),
                masks=[mask_string(mask) for mask in masks[rows]],
                roles=[roles[row] for row in rows],
                seeds=seeds[rows],
                targets=function.target_names,
                values=measured.values,
                causes=measured.causes,
            )
        )
        log_curves(child, {"seconds_per_fine_tune": [(rows[0], seconds)]})
    return len(rows), sum(cause is not None for cause in measured.causes)


@task(
    name="judge",
    task_run_name="judge what was retrained",
    description="Compare observed with predicted indices; write verification.json and the verdicts.",
)
def judge_verification(directory: str, recovery: Recovery, planned: Planned, tracked: TrackedRun) -> Recovery:
    """Writes verification.json, and the verdicts into interactions.json and values.parquet.

    Args:
        directory: The run folder, whose missing fine-tunes have been done.
        recovery: What was found.
        planned: What was to be done.
        tracked: The MLflow run.

    Returns:
        The recovery with the verdicts in its document.
    """
    folder = RunFolder(Path(directory))
    study = folder.read_study()
    asked = Asked.nothing() if planned.note else asked_of_study(folder, recovery)
    document = judged_document(folder, study, recovery, asked, folder.verify_masks, note=planned.note)
    write_document(folder.verification, document)
    verified = replace(recovery, interactions=with_verdicts(recovery.interactions, document))
    write_document(folder.interactions, verified.interactions)
    if len(asked.design):
        _add_values(folder)
    log_files(tracked, [folder.verification, folder.interactions, folder.values])
    claims = document["counts"]["claim"]
    log_curves(tracked, {f"verified.{word}": [(0, float(count))] for word, count in claims.items()})
    get_run_logger().info(
        "%d of %d interactions confirmed, %d refuted",
        claims["confirmed"], claims["tested"], claims["refuted"],
    )  # fmt: skip
    return verified


def judged_document(
    folder: RunFolder,
    study: StudyConfig,
    recovery: Recovery,
    asked: Asked,
    path: Path,
    *,
    note: str | None = None,
) -> dict[str, Any]:
    """The document of verification.json, from what the store holds of what was asked."""
    verified = []
    if asked.hypotheses:
        masks, seeds, roles = read_rows(path)
        values = _stored(folder, masks, seeds, roles)[1]
        targets = value_function(folder).targets
        n = len(targets)
        main = [row for row, role in enumerate(roles) if role == ROLE]
        ordinary = [row for row, role in enumerate(roles) if role == FILTERED]
        verified = judge(
            asked.design,
            values[main][:, :n],
            asked.hypotheses,
            expansion=recovery.decoded.expansion,
            level=study.verify.level,
            margin=study.verify.margin,
            filtered=(asked.filtered, values[ordinary][:, :n]) if ordinary else None,
            scales={name: values[main][:, columns] for name, columns in scale_columns(targets).items()},
        )
    return verification_document(
        study=study.name,
        group_names=recovery.interactions["groups"],
        target_names=[target["name"] for target in recovery.interactions["targets"]],
        verified=verified,
        level=study.verify.level,
        margin=study.verify.margin,
        n_rounds=asked.design.n_rounds,
        full_rounds=asked.design.full_rounds,
        fine_tunes=len(asked.design) + len(asked.filtered),
        study_fine_tunes=asked.study_fine_tunes,
        note=note,
    )


def _function(folder: RunFolder, role: str) -> SubsetTraining:
    function = value_function(folder).on_scales()
    return function.with_schedule("filtered") if role == FILTERED else function


def _stored(
    folder: RunFolder, masks: NDArray[np.bool_], seeds: NDArray[np.int64], roles: list[str]
) -> tuple[NDArray[np.bool_], NDArray[np.float64], list[str | None]]:
    """(known bool[r], values float64[r, targets on all scales], cause str[r] or None) of rows."""
    width = len(_function(folder, ROLE).targets)
    known, values = np.zeros(len(roles), np.bool_), np.full((len(roles), width), np.nan)
    causes: list[str | None] = [None] * len(roles)
    stored = folder.store.read()
    for role in (ROLE, FILTERED):
        rows = [row for row, each in enumerate(roles) if each == role]
        if rows:
            found = stored.lookup(_function(folder, role).keys(masks[rows], seeds[rows]))
            known[rows], values[rows] = found[0].all(axis=1), found[1]
            for row, cause in zip(rows, found[2], strict=True):
                causes[row] = cause
    return known, values, causes


def _add_values(folder: RunFolder) -> None:
    """Adds the rows of verification to values.parquet, the study's own outputs alone."""
    masks, seeds, roles = read_rows(folder.verify_masks)
    _, values, causes = _stored(folder, masks, seeds, roles)
    table = read_value_table(folder.values)
    kept = [row for row, role in enumerate(table.roles) if role not in (ROLE, FILTERED)]
    write_value_table(
        ValueTable(
            targets=table.targets,
            masks=np.vstack([table.masks[kept], masks]),
            roles=(*(table.roles[row] for row in kept), *roles),
            seeds=np.concatenate([table.seeds[kept], seeds]),
            values=np.vstack([table.values[kept], values[:, : len(table.targets)]]),
            causes=(*(table.causes[row] for row in kept), *causes),
        ),
        folder.values,
    )
