"""Design, fine-tune, collect and judge in rounds until enough is known; once, for a study in no rounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flows.approval import wait_for_approval
from flows.progress import Progress, say, tell
from spex_data.study import StudyConfig
from spex_data.values import ValueTable
from tasks.design import Design, design
from tasks.prepare import Prepared
from tasks.recover import collect
from tasks.rounds import judge_round
from tasks.run_folder import RunFolder
from tasks.simulated import listens
from tasks.surrogate import simulate
from tasks.tracking import TrackedRun

FineTune = Callable[[Design], int]
"""Fine-tunes what a design misses; returns how many failed."""


@dataclass(frozen=True)
class MeasuredStudy:
    """What measuring came to.

    Attributes:
        table: All values.
        fine_tunes: Fine-tunes of all rounds.
        reused: How many of them had been measured before.
        kept: How many of the others were measured on adapters kept from before.
        ended: Why a study in rounds has ended; None for another.
    """

    table: ValueTable
    fine_tunes: int
    reused: int
    kept: int
    ended: str | None


def measured_in_rounds(
    study: StudyConfig, directory: str, prepared: Prepared, tracked: TrackedRun, fine_tune: FineTune
) -> MeasuredStudy:
    """Measures a study's masks, all at once or round by round until `masks.until` or the budget ends it.

    Args:
        study: What is run.
        directory: The run folder.
        prepared: What the first stage found.
        tracked: The MLflow run.
        fine_tune: Does what is missing, where the study says.

    Raises:
        Stopped: The plan was declined, or `runner.max_hours` were over before a round was measured.
    """
    reused = kept = before = 0
    measured: int | None = None
    while True:
        tell(Progress("drawing masks"))
        planned = design(directory, prepared, tracked, measured=measured)
        for line in planned.words if measured is None else ():
            say(line)
        if measured is None:
            wait_for_approval(study, RunFolder(Path(directory)), planned)
        failed = fine_tune(planned)
        reused, kept = reused + planned.done - before, kept + planned.kept
        table = collect(directory, failed, tracked)
        if listens(study, study.decoding.method):
            tell(Progress("simulating masks"))  # here, where the model is: a flow that decodes loads none
            say(simulate(directory, table, tracked))
        if not study.in_rounds:
            return MeasuredStudy(table, planned.total, reused, kept, None)
        tell(Progress("judging the round"))
        judged = judge_round(directory, table, tracked)
        say(f"{planned.title}: {judged.why}" if judged.why else f"{planned.title}: measured")
        if judged.stop:
            return MeasuredStudy(table, planned.total, reused, kept, judged.why)
        before, measured = planned.total, planned.n_masks
