"""What a run has measured so far, joined to its plan by content key, and what it still lacks."""

from __future__ import annotations

from spex_data.errors import StoreError
from spex_data.study import StudyConfig
from spex_data.values import ValueTable
from tasks.design import read_plan
from tasks.inputs import value_function
from tasks.run_folder import RunFolder

NOT_YET = "not measured yet"


def joined_values(folder: RunFolder) -> ValueTable:
    """Every row of the plan with its values; one that is not measured has none, and says so.

    Raises:
        StoreError: The run has drawn no masks yet.
    """
    if not folder.masks.is_file():
        raise StoreError(
            "has drawn no masks yet, so there is nothing to report",
            where=str(folder.directory),
            instead="let `spex-data run` come to its first fine-tunes, then try again",
        )
    plan, function = read_plan(folder.masks), value_function(folder)
    known, values, causes = folder.store.read().lookup(function.keys(plan.masks, plan.seeds))
    done = known.all(axis=1)
    return ValueTable(
        targets=function.target_names,
        masks=plan.masks,
        roles=plan.roles,
        seeds=plan.seeds,
        values=values,
        causes=tuple(cause if row_done else NOT_YET for cause, row_done in zip(causes, done)),
    )


def still_missing(folder: RunFolder, study: StudyConfig, table: ValueTable) -> list[str]:
    """What a run lacks before it has come to its end, a sentence each; empty of a whole run."""
    waiting = sum(cause == NOT_YET for cause in table.causes)
    failed = sum(bool(cause) and cause != NOT_YET for cause in table.causes)
    missing = []
    if waiting:
        missing.append(f"{len(table) - waiting:,} of {len(table):,} fine-tunes are measured.")
    if failed and waiting:
        missing.append(f"{failed:,} failed.")
    if study.verify.enabled and not folder.verification.is_file():
        missing.append("Nothing has been verified by retraining yet.")
    return missing
