"""A run beside its repetition: whether the values agree, and what differs if they do not."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact

from spex_data.errors import StoreError
from spex_data.faithfulness import Agreement, agreement, overall
from spex_data.masks import mask_string
from spex_data.reports import read_document, write_document
from spex_data.values import ValueTable, read_value_table
from tasks.inputs import load_examples
from tasks.provenance import run_differences
from tasks.run_folder import RunFolder, provenance


def repeated_overrides(folder: RunFolder) -> tuple[str, ...]:
    """What a repetition sets that the study leaves to be found out: the size of a pass, the steps an epoch.

    Raises:
        StoreError: The folder holds no run with values.
    """
    study, manifest = folder.read_study(), folder.read_manifest()
    if not folder.values.is_file():
        raise StoreError(
            "holds a run without values.parquet, so there is nothing to repeat",
            where=str(folder.directory),
            instead=f"finish it first: {folder.command()}",
        )
    pins = [f"training.adapters_per_pass={manifest['adapters_per_pass']}"]
    if study.training.schedule == "fixed":
        pins.append(f"training.steps_per_epoch={manifest['steps_per_epoch']}")
    return tuple(pins)


@task(
    name="foresee",
    task_run_name="what differs already",
    description="Before anything is trained: what differs now from the run that is repeated.",
)
def foresee(source: str) -> list[str]:
    """What differs already from a run that is to be repeated: code, versions, machine, training data.

    Args:
        source: Its folder.
    """
    folder = RunFolder(Path(source))
    study, manifest = folder.read_study(), folder.read_manifest()
    now: dict[str, Any] = {**provenance(), "hashes": {"data": load_examples(study).content_hash}}
    lines = run_differences(manifest, now)
    for line in lines:
        get_run_logger().warning("differs from the run that is repeated: %s", line)
    return lines


@task(
    name="compare values",
    task_run_name="compare values with {source}",
    description="Whether the repeated values agree bit for bit, within tolerance, or not; if not, why not.",
)
def compare_values(source: str, directory: str) -> dict[str, Any]:
    """Compares the values of a run with those of its repetition and writes repetition.json.

    Args:
        source: The run that was repeated.
        directory: The repetition.

    Returns:
        The document: `of`, `verdict`, `n_values`, `equal`, `largest` (a share of the tolerance), `missing`
        (rows that only one of the two has), `differences`, `targets`.
    """
    one, other = RunFolder(Path(source)), RunFolder(Path(directory))
    tables = [read_value_table(folder.values) for folder in (one, other)]
    found, missing = _agreements(tables[0], tables[1], _seed_sd(one))
    verdict = "not" if missing else overall(found)
    document = {
        "of": str(one.directory.resolve()),
        "verdict": verdict,
        "n_values": sum(target.n_values for target in found),
        "equal": sum(target.equal for target in found),
        "largest": max(
            (target.largest / target.tolerance for target in found if target.largest), default=0.0
        ),
        "missing": missing,
        "differences": run_differences(one.read_manifest(), other.read_manifest()),
        "targets": [asdict(target) for target in found],
    }
    document["largest"] = document["largest"] if math.isfinite(document["largest"]) else None
    write_document(other.directory / "repetition.json", document)
    lines = repetition_words(document)
    create_markdown_artifact(key="repetition", markdown="\n\n".join(lines), description=lines[0])
    get_run_logger().info("%s", lines[0])
    return document


def repetition_words(document: dict[str, Any]) -> list[str]:
    """What a repetition came to, in lines."""
    counts = f"{document['equal']:,} of {document['n_values']:,} values are equal to the last bit"
    worst = document["largest"]
    size = f", the largest difference is {worst:.2g} of what rounding may bring" if worst else ""
    words = {
        "bit for bit": f"agree bit for bit with those of {document['of']}",
        "within tolerance": f"agree within tolerance with those of {document['of']}",
        "not": f"do NOT agree with those of {document['of']}",
    }[document["verdict"]]
    head = f"the values {words}: {counts}{size}"
    lines = [head]
    if document["missing"]:
        lines.append(f"{document['missing']:,} rows are in one of the two runs alone")
    if document["verdict"] != "bit for bit":
        differs = document["differences"] or ["nothing that manifests record"]
        lines += ["what differs:", *(f"  {line}" for line in differs)]
    return lines


def _agreements(
    before: ValueTable, after: ValueTable, seed_sd: dict[str, float | None]
) -> tuple[list[Agreement], int]:
    """One agreement a target, rows joined by mask, role and seed; and how many rows have no partner."""
    places = [
        {
            key: row
            for row, key in enumerate(zip(map(mask_string, table.masks), table.roles, table.seeds.tolist()))
        }
        for table in (before, after)
    ]
    shared = [key for key in places[0] if key in places[1]]
    names = [name for name in before.targets if name in after.targets]
    columns = [[table.targets.index(name) for name in names] for table in (before, after)]
    values = [
        table.values[np.ix_([place[key] for key in shared], chosen)]
        for table, place, chosen in zip((before, after), places, columns, strict=True)
    ]
    missing = len(places[0]) + len(places[1]) - 2 * len(shared)
    return agreement(names, values[0], values[1], [seed_sd.get(name) for name in names]), missing


def _seed_sd(folder: RunFolder) -> dict[str, float | None]:
    """Standard deviation over training seeds of each target, as the run found it."""
    if not folder.faithfulness.is_file():
        return {}
    judged = read_document(folder.faithfulness)["targets"]
    variances = {one["name"]: one["noise_ceiling"]["seed_variance"] for one in judged}
    return {name: None if variance is None else math.sqrt(variance) for name, variance in variances.items()}
