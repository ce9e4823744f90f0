"""Decoding without a flow: a run's values again, or anyone's table; needs neither torch nor Prefect."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq

from spex_data.errors import StoreError
from spex_data.groups import Grouping
from spex_data.reports import Recovery, read_document, recover_values, with_verdicts
from spex_data.values import ValueTable, read_value_table
from tasks.masks_so_far import design_so_far
from tasks.run_folder import RunFolder
from tasks.simulated import simulated_values
from tasks.text_folders import require_one_text

MAX_ORDER = 3
FDR = 0.1


def recover_from(
    source: Path,
    *,
    method: str | None,
    max_order: int | None,
    top: int,
    values: ValueTable | None = None,
) -> Recovery:
    """Decodes the values of a run folder or of a table.

    Args:
        source: A run folder, or a .parquet or .csv file with columns mask and value.
        method: Decoder; the study's, or the default one, if None.
        max_order: Largest set reported; the study's, or 3, if None.
        top: Interactions a target.
        values: Of a run that is half done what it has so far; None to read values.parquet.

    Raises:
        StoreError: No such file, or a run that has no values yet.
    """
    if not source.is_dir():
        return _recover_table(source, method, max_order, top)
    folder = RunFolder(source)
    study = folder.read_study()
    require_one_text(source, "recover")
    if values is None and not folder.values.is_file():
        raise StoreError(
            "has no values.parquet yet",
            where=str(source),
            instead="let `spex-data run` finish, then try again",
        )
    grouping = Grouping.from_table(pq.read_table(folder.groups))
    table = read_value_table(folder.values) if values is None else values
    method = method or study.decoding.method
    recovery = recover_values(
        table,
        study_name=study.name,
        lens=study.lens,
        group_names=grouping.names,
        method=method,
        max_order=max_order or study.decoding.max_order,
        distribution=design_so_far(folder, study, grouping),
        seed=study.seed,
        top=top,
        fdr=study.decoding.fdr,
        features=simulated_values(folder, study, method, table.targets, table.n_groups),
    )
    if not folder.verification.is_file():
        return recovery
    verdicts = with_verdicts(recovery.interactions, read_document(folder.verification))
    return replace(recovery, interactions=verdicts)


def _recover_table(path: Path, method: str | None, max_order: int | None, top: int) -> Recovery:
    from spex_data.decoding import DEFAULT

    table = read_value_table(path)
    return recover_values(
        table,
        study_name=path.stem,
        group_names=[f"group {group}" for group in range(table.n_groups)],
        method=method or DEFAULT,
        max_order=max_order or MAX_ORDER,
        distribution=None,
        top=top,
        fdr=FDR,
    )
