"""Fourth stage: join the values by key, decode them, and judge the result on masks held out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from prefect import get_run_logger, task

from spex_data.groups import Grouping
from spex_data.reports import Recovery, recover_values, write_document
from spex_data.values import ValueTable, write_value_table
from tasks.joined import NOT_YET, joined_values
from tasks.masks_so_far import design_so_far
from tasks.retries import TASK_OPTIONS
from tasks.run_folder import RunFolder
from tasks.simulated import simulated_values
from tasks.tracking import TrackedRun, child_run, log_curves, log_files, log_params


@task(
    name="collect",
    task_run_name="collect values",
    description="Join every value to its mask and seed by content key; write values.parquet.",
    tags=["decode"],
    **TASK_OPTIONS,
)
def collect(directory: str, failed: int, tracked: TrackedRun) -> ValueTable:
    """Writes values.parquet from the plan and the store.

    Args:
        directory: A run folder with a plan.
        failed: Fine-tunes that just failed, for the log.
        tracked: The MLflow run.
    """
    folder = RunFolder(Path(directory))
    table = joined_values(folder)
    write_value_table(table, folder.values)
    log_files(tracked, [folder.values])
    causes_known = [cause for cause in table.causes if cause and cause != NOT_YET]
    if causes_known:
        get_run_logger().warning(
            "%d masks failed, %d of them now; the first: %s", len(causes_known), failed, causes_known[0]
        )
    return table


@task(
    name="recover interactions",
    task_run_name="recover interactions ({method})",
    description="Decode the training masks into a sparse Fourier expansion; judge it on the held-out masks.",
    tags=["decode"],
    **TASK_OPTIONS,
)
def recover(directory: str, table: ValueTable, tracked: TrackedRun, method: str) -> Recovery:
    """Decodes a table of values and writes interactions.json and faithfulness.json.

    Args:
        directory: The run folder.
        table: Its values.
        tracked: The MLflow run; the decoder is a child of it.
        method: Name of the decoder, for the task's name.
    """
    folder = RunFolder(Path(directory))
    study = folder.read_study()
    grouping = Grouping.from_table(pq.read_table(folder.groups))
    with child_run(tracked, f"decode: {method}", {"spex.decoder": method}) as child:
        recovery = recover_values(
            table,
            study_name=study.name,
            lens=study.lens,
            group_names=grouping.names,
            method=method,
            max_order=study.decoding.max_order,
            distribution=design_so_far(folder, study, grouping),
            seed=study.seed,
            top=study.report.top,
            fdr=study.decoding.fdr,
            features=simulated_values(folder, study, method, table.targets, grouping.n_groups),
        )
        write_document(folder.interactions, recovery.interactions)
        write_document(folder.faithfulness, recovery.judged)
        log_params(child, {"method": method, "max_order": study.decoding.max_order})
        scores = recovery.scores()
        log_curves(child, scores)
        log_curves(tracked, scores)
        log_files(child, [folder.interactions, folder.faithfulness])
    log_files(tracked, [folder.interactions, folder.faithfulness])
    r2 = [judged.r2 for judged in recovery.faithfulness if judged.r2 is not None]
    if r2:
        get_run_logger().info("held-out R2 %.3f (mean over %d targets)", float(np.mean(r2)), len(r2))
    return recovery
