"""Finished runs as studies to measure attribution on: by fine-tuning more, or by what they measured alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from attribution_studies import Masks, Stored, Study, Values
from numpy.typing import NDArray

from spex_data.values import read_value_table
from tasks.run_folder import RunFolder


def finished_run(folder: Path) -> Study:
    """The value function of a finished run, such as configs/banking77.yaml, on fresh masks and seeds."""
    from tasks.inputs import value_function

    run = RunFolder(folder)
    function = value_function(run).with_pass_size(run.adapters_per_pass())
    return Study(
        folder.name,
        folder.name,
        function.n_groups,
        lambda masks, seeds: function(masks, seeds).values,
    )


def stored_run(folder: Path) -> Study:
    """What a finished run measured: nothing is fine-tuned; methods that need other masks are left out."""
    table = read_value_table(RunFolder(folder).values)
    roles = np.array(table.roles)
    train, heldout = roles == "train", roles == "heldout"
    known = {mask.tobytes(): row for mask, row in zip(table.masks[train], table.values[train], strict=True)}
    replicates: dict[bytes, list[Values]] = {}
    for mask, row in zip(table.masks[heldout], table.values[heldout], strict=True):
        replicates.setdefault(mask.tobytes(), []).append(row)

    def look_up(masks: Masks, _seeds: NDArray[np.int64]) -> Values:
        return np.array([known[mask.tobytes()] for mask in masks])

    return Study(
        f"{folder.name}, stored",
        folder.name,
        table.masks.shape[1],
        look_up,
        targets=tuple(table.targets),
        stored=Stored(
            table.masks[train],
            np.array([np.frombuffer(mask, np.bool_) for mask in replicates]),
            np.array(list(replicates.values())),
        ),
    )
