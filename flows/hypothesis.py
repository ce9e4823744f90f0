"""One's own hypothesis on a finished run: retrained by the same road as the study's claims."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Cancelled

from flows.progress import Progress, say, tell
from flows.stopping import Stopped
from flows.verification import retrained
from flows.watching import watched
from spex_data.values import writer_lock
from tasks.foreign import recover_from
from tasks.hypothesis import cost_words
from tasks.run_folder import RunFolder
from tasks.tracking import TrackedRun
from tasks.verify import judged_document, plan_rows
from tasks.verify_plan import asked_by_hand


@flow(
    name="hypothesis",
    flow_run_name="verify groups {members}",
    description="Retrain the corners of a set of groups that someone names, and judge what comes back.",
)
def hypothesis(
    directory: str,
    members: tuple[int, ...],
    target: int | None,
    backgrounds: int | None = None,
    seeds: int | None = None,
) -> dict[str, Any] | State[Any]:
    """Verifies one set of groups.

    Args:
        directory: A finished run.
        members: The groups, sorted.
        target: Number of a target; None for all.
        backgrounds: Draws of the other groups; None for as many as the study says.
        seeds: Seeds where all other groups are present; None like `backgrounds`.

    Returns:
        A document like verification.json.
    """
    folder = RunFolder(Path(directory))
    study = folder.read_study()
    try:
        with writer_lock(folder.directory), watched():
            tell(Progress("decoding the run's values"))
            recovery = recover_from(
                folder.directory, method=study.decoding.method, max_order=None, top=study.report.top
            )
            asked = asked_by_hand(folder, recovery, members, target, backgrounds=backgrounds, seeds=seeds)
            planned = plan_rows(folder, asked, folder.own_masks)
            say(cost_words(folder, planned))
            retrained(study, directory, planned, TrackedRun())
            return judged_document(folder, study, recovery, asked, folder.own_masks)
    except Stopped as stop:
        return Cancelled(message=str(stop))
