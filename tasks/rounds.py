"""After each round of a study in rounds: whether enough is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from prefect import get_run_logger, task
from pydantic import BaseModel as Record

from spex_data.adaptive import decide, known_so_far
from spex_data.faithfulness import noise_ceiling
from spex_data.groups import Grouping
from spex_data.reports import read_document, write_document
from spex_data.reports.labels import shorten
from spex_data.values import ValueTable
from tasks.masks_so_far import design_so_far, study_rounds
from tasks.retries import TASK_OPTIONS
from tasks.run_folder import RunFolder
from tasks.simulated import simulated_values
from tasks.tracking import TrackedRun, log_curves, log_files

_CELLS = 40
"""Columns of a target's name."""


class Judged(Record, frozen=True):
    """What a round came to.

    Attributes:
        stop: Whether the study ends with it.
        why: In words.
    """

    stop: bool
    why: str


@task(
    name="judge round",
    task_run_name="judge what is known after this round",
    description="Cross-validate what the masks so far say; decide whether the study goes on.",
    tags=["decode"],
    **TASK_OPTIONS,
)
def judge_round(directory: str, table: ValueTable, tracked: TrackedRun) -> Judged:
    """Decides whether a study in rounds goes on, and writes rounds.json.

    Args:
        directory: The run folder, whose rounds so far are measured.
        table: Its values.
        tracked: The MLflow run, which gets a point on each curve of rounds.
    """
    folder = RunFolder(Path(directory))
    study = folder.read_study()
    grouping = Grouping.from_table(pq.read_table(folder.groups))
    design, goal = design_so_far(folder, study, grouping), study.masks.until
    ends = study_rounds(study, study.mask_design(grouping.keys))
    masks, values = table.aligned("train")
    replicates = table.replicates("heldout")[1]
    known = known_so_far(
        masks,
        values,
        [noise_ceiling(replicates[:, :, target], seed=study.seed) for target in range(values.shape[1])],
        design=design,
        method=study.decoding.method,
        max_order=study.decoding.max_order,
        features=simulated_values(folder, study, study.decoding.method, table.targets, grouping.n_groups),
        seeds_a_mask=1 if isinstance(study.training.seeds, str) else len(study.training.seeds),
        widths=goal is not None and goal.ci_width is not None,
        seed=study.seed,
    )
    decision = decide(
        known,
        masks=len(design.training),
        budget=ends[-1],
        r2=goal.r2 if goal else None,
        ci_width=goal.ci_width if goal else None,
        targets=[shorten(name, _CELLS) for name in table.targets],
    )
    number = sum(end < len(design.training) for end in ends) + 1
    figures = {
        "masks": len(design.training),
        "fine_tunes": len(table.roles),
        "r2": known.r2,
        "r2_low": known.r2_ci and known.r2_ci[0],
        "r2_high": known.r2_ci and known.r2_ci[1],
        "noise_ceiling": known.ceiling,
        "ci_width": known.ci_width,
    }
    _write_round(folder, {"round": number, **figures, "stop": decision.stop, "why": decision.why})
    point = {name: float(value) for name, value in figures.items() if value is not None}
    log_curves(tracked, {f"round.{name}": [(number, value)] for name, value in point.items()})
    log_files(tracked, [folder.rounds])
    get_run_logger().info("round %d: %s", number, decision.why or "on to the next")
    return Judged(stop=decision.stop, why=decision.why)


def _write_round(folder: RunFolder, record: dict[str, Any]) -> None:
    """Puts a round into rounds.json, in place of what it said of that round and later ones."""
    before = read_document(folder.rounds)["rounds"] if folder.rounds.is_file() else []
    kept = [each for each in before if each["round"] < record["round"]]
    write_document(folder.rounds, {"rounds": [*kept, record]})
