"""Which groups to train on: the best subset of a finished run, and what training on it gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.utilities.annotations import quote

from flows.progress import Progress, tell
from spex_data.values import writer_lock
from tasks.foreign import recover_from
from tasks.optimise import choose_subset, measure_subset
from tasks.run_folder import RunFolder


@flow(
    name="optimise",
    flow_run_name="optimise {directory}: {least} to {most}",
    description="The subset that is predicted to be best, by an integer programme; then measured for real.",
)
def optimise(
    directory: str, *, target: int, least: int, most: int, smallest: bool, seeds: int
) -> dict[str, Any]:
    """Finds and measures the best subset of a run.

    Args:
        directory: A finished run.
        target: Number of the target.
        least: Groups present at least.
        most: Groups present at most.
        smallest: Whether the smallest value is wanted.
        seeds: Retrainings of the subset; 0 measures nothing.

    Returns:
        The document of optimum.json.
    """
    folder = RunFolder(Path(directory))
    study = folder.read_study()
    with writer_lock(folder.directory):
        tell(Progress("decoding the run's values"))
        recovery: Any = quote(
            recover_from(folder.directory, method=study.decoding.method, max_order=None, top=1)
        )
        sizes = {"least": least, "most": most}
        tell(Progress("choosing the subset"))
        document = choose_subset(recovery, target=target, **sizes, smallest=smallest)
        if not seeds:
            return document
        tell(Progress("measuring it"))
        return measure_subset(directory, document, target=target, seeds=seeds)
