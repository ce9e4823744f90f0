"""The demo's planted truth beside what was recovered; a study of one's own has none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from spex_data.groups import Grouping
from spex_data.reports import PlantedRow, read_document
from spex_data.values import read_value_table
from tasks.run_folder import RunFolder


def planted_rows(directory: Path) -> list[PlantedRow]:
    """Planted interactions of an embedded study with the recovered ones, in the same index.

    The ideal is in units of the swing: the difference between the highest and the lowest mean value over the
    corners of the target's planted groups, other groups averaged over the training masks.

    Args:
        directory: A finished run.

    Returns:
        One row a planted interaction; none where the data, the targets or the groups are a user's own.
    """
    folder = RunFolder(directory)
    study = folder.read_study()
    if study.lens != "data" or not study.data.embedded or study.targets_source != study.data.train:
        return []
    from spex_data.embedded import demo_world

    grouping = Grouping.from_table(pq.read_table(folder.groups))
    owners = {
        frozenset(grouping.example_ids[row] for row in rows): group
        for group, rows in enumerate(grouping.members)
    }
    planted = demo_world(study.seed).planted
    if not all(ids in owners for one in planted for ids in one.groups):
        return []  # The demo's examples in other groups: its truth is about its own.
    table = read_value_table(folder.values)
    masks, values = table.aligned("train")
    found = {
        target["name"]: target["interactions"] for target in read_document(folder.interactions)["targets"]
    }
    touched = {
        p.target: sorted({owners[ids] for q in planted if q.target == p.target for ids in q.groups})
        for p in planted
    }
    rows = []
    for one in planted:
        members = sorted(owners[ids] for ids in one.groups)
        together = [entry for entry in found[one.target] if entry["order"] > 1]
        rank = next((place for place, entry in enumerate(together, 1) if entry["members"] == members), None)
        rows.append(
            PlantedRow(
                target=one.target,
                groups=one.labels,
                ideal=one.ideal,
                swing=_swing(masks[:, touched[one.target]], values[:, table.targets.index(one.target)]),
                recovered=together[rank - 1]["value"] if rank else None,
                rank=rank,
                why=one.why,
            )
        )
    return rows


def _swing(masks: NDArray[np.bool_], values: NDArray[np.float64]) -> float:
    """Highest minus lowest mean value over the corners that the masks have."""
    corners, place = np.unique(masks, axis=0, return_inverse=True)
    means = np.bincount(place.ravel(), weights=values) / np.bincount(place.ravel(), minlength=len(corners))
    return float(means.max() - means.min())
