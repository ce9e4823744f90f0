"""Fifth stage: choose what decides the largest interactions, and judge what retraining it said.

The fine-tunes themselves are chunks of a plan like the study's own: tasks/measure.py does them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prefect import get_run_logger, task
from pydantic import BaseModel as Record

from spex_data.errors import ConfigError
from spex_data.evaluation import scale_columns
from spex_data.masks import MeasurementPlan
from spex_data.reports import Recovery, verification_document, with_verdicts, write_document
from spex_data.study import StudyConfig
from spex_data.values import ValueTable, read_value_table, write_value_table
from spex_data.verification import judge
from tasks.design import Chunk, read_plan, write_plan
from tasks.run_folder import RunFolder
from tasks.tracking import TrackedRun, log_curves, log_files
from tasks.value_function import FILTERED, VERIFY, role_function, value_function
from tasks.verify_plan import Asked, asked_of_study, verification_plan


class Planned(Record, frozen=True):
    """What verification will do.

    Attributes:
        total: Fine-tunes.
        done: Those that the store has already.
        chunks: The chunks with something missing, each of one schedule.
        note: Why there is nothing to do, or less than asked for.
    """

    total: int = 0
    done: int = 0
    chunks: tuple[Chunk, ...] = ()
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
        "interactions: %d, controls: %d, backgrounds: %d; fine-tunes: %d, of them measured before: %d",
        sum(one.role == "claim" for one in asked.hypotheses),
        sum(one.role != "claim" for one in asked.hypotheses),
        asked.design.n_rounds, planned.total, planned.done,
    )  # fmt: skip
    return planned


def plan_rows(folder: RunFolder, asked: Asked, path: Path) -> Planned:
    """Writes the fine-tunes that are asked for to a file, and finds those that the store lacks."""
    plan = verification_plan(asked)
    write_plan(plan, path)
    missing = np.flatnonzero(~_stored(folder, plan)[0])
    # Every target on every scale: what is retrained has to be retrained for one of them anyway.
    columns = tuple(range(len(role_function(folder, VERIFY).targets)))
    chunks: list[Chunk] = []
    for span in plan.chunks(folder.read_study().runner.chunk):
        for role in (VERIFY, FILTERED):
            rows = tuple(row for row in missing.tolist() if row in span and plan.roles[row] == role)
            if rows:
                chunks.append(
                    Chunk(
                        index=len(chunks),
                        start=rows[0],
                        stop=rows[-1] + 1,
                        total=len(plan),
                        rows=rows,
                        columns=columns,
                        plan=path.name,
                    )
                )
    note = None if asked.hypotheses else "no interaction was found that could be retrained"
    return Planned(total=len(plan), done=len(plan) - len(missing), chunks=tuple(chunks), note=note)


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
    verified, causes = [], []
    if asked.hypotheses:
        plan = read_plan(path)
        _, values, told = _stored(folder, plan)
        causes = [cause for cause in told if cause]
        targets = value_function(folder).targets
        n = len(targets)
        main = [row for row, role in enumerate(plan.roles) if role == VERIFY]
        ordinary = [row for row, role in enumerate(plan.roles) if role == FILTERED]
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
        causes=causes,
        note=note,
    )


def _stored(
    folder: RunFolder, plan: MeasurementPlan
) -> tuple[NDArray[np.bool_], NDArray[np.float64], list[str | None]]:
    """(known bool[r], values float64[r, targets on all scales], cause str[r] or None) of a plan's rows."""
    width = len(role_function(folder, VERIFY).targets)
    known, values = np.zeros(len(plan), np.bool_), np.full((len(plan), width), np.nan)
    causes: list[str | None] = [None] * len(plan)
    stored = folder.store.read()
    for role in (VERIFY, FILTERED):
        rows = [row for row, each in enumerate(plan.roles) if each == role]
        if rows:
            found = stored.lookup(role_function(folder, role).keys(plan.masks[rows], plan.seeds[rows]))
            known[rows], values[rows] = found[0].all(axis=1), found[1]
            for row, cause in zip(rows, found[2], strict=True):
                causes[row] = cause
    return known, values, causes


def _add_values(folder: RunFolder) -> None:
    """Adds the rows of verification to values.parquet, the study's own outputs alone."""
    plan = read_plan(folder.verify_masks)
    _, values, causes = _stored(folder, plan)
    table = read_value_table(folder.values)
    kept = [row for row, role in enumerate(table.roles) if role not in (VERIFY, FILTERED)]
    write_value_table(
        ValueTable(
            targets=table.targets,
            masks=np.vstack([table.masks[kept], plan.masks]),
            roles=(*(table.roles[row] for row in kept), *plan.roles),
            seeds=np.concatenate([table.seeds[kept], plan.seeds]),
            values=np.vstack([table.values[kept], values[:, : len(table.targets)]]),
            causes=(*(table.causes[row] for row in kept), *causes),
        ),
        folder.values,
    )
