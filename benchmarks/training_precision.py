"""How far number formats move a value, beside how far another training seed does."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from rich.table import Table
from training_workloads import Workload

from spex_data.masks import design_masks
from spex_data.models import BaseModel
from spex_data.value_functions import SubsetTraining


@dataclass(frozen=True)
class Precision:
    """Root mean square differences of values, in log-odds, over masks, seeds and targets.

    Attributes:
        workload: What was trained.
        layers: Which blocks.
        engine_float32: Engine and one adapter at a time, both in float32.
        pass_size: Engine in passes of 2 and of all adapters, float32.
        bfloat16: Engine with the base model in bfloat16 and in float32.
        seeds: Standard deviation over training seeds, float32.
    """

    workload: str
    layers: str
    engine_float32: float
    pass_size: float
    bfloat16: float
    seeds: float


def precision(work: Workload, n_masks: int = 2, n_seeds: int = 4) -> Precision:
    """Measures the targets of a workload on the same masks and seeds in several ways."""
    n_groups = work.grouping.n_groups
    drawn = design_masks(n_groups, budget=n_groups + 2, heldout=0, seed=2).training[:n_masks]
    masks, seeds = np.repeat(drawn, n_seeds, axis=0), np.tile(np.arange(n_seeds), n_masks)
    function = SubsetTraining(
        work.base, work.examples, work.grouping, work.recipe, work.targets, adapters_per_pass=len(masks)
    )
    values = function(masks, seeds).values
    reference = replace(function, engine="reference")(masks, seeds).values
    other_pass = replace(function, adapters_per_pass=2)(masks, seeds).values
    half = replace(function, base_model=in_bfloat16(work.base))(masks, seeds).values
    spread = values.reshape(n_masks, n_seeds, -1).std(axis=1, ddof=1)
    return Precision(
        work.name,
        work.recipe.layers,
        rms(values - reference),
        rms(values - other_pass),
        rms(values - half),
        rms(spread),
    )


def in_bfloat16(base: BaseModel) -> BaseModel:
    return replace(base, model=deepcopy(base.model).to(torch.bfloat16), dtype="bfloat16")


def rms(differences: NDArray[np.float64]) -> float:
    return float(np.sqrt((differences**2).mean()))


def precision_table(rows: Sequence[Precision]) -> Table:
    table = Table(title="Root mean square difference of a value (log-odds)")
    names = ("model", "layers", "engine - loop", "other pass size", "bfloat16 - float32", "sd over seeds")
    for name in names:
        table.add_column(name, justify="left" if name in names[:2] else "right")
    for row in rows:
        figures = list(asdict(row).values())
        table.add_row(*figures[:2], *(f"{figure:.2g}" for figure in figures[2:]))
    return table
