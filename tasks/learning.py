"""What a run's own masks say of a larger or smaller budget: its learning curve."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding import decoder
from spex_data.faithfulness import learning_curve, noise_ceiling
from spex_data.masks import MaskDesign
from spex_data.masks.growth import without
from spex_data.study import StudyConfig
from spex_data.value_functions import SubsetTraining
from spex_data.values import ValueTable
from tasks.inputs import plan_of
from tasks.masks_so_far import design_so_far
from tasks.run_folder import RunFolder
from tasks.simulated import simulated_values

MOST_TARGETS = 4
"""Targets, at equal distances, that the curve is a mean of: a decoder is fitted eight times to each."""
FACTORS = (0.5, 1.0, 2.0, 4.0)
"""Budgets shown, beside the study's own, in multiples of the masks measured."""


def expected_r2(study: StudyConfig, folder: RunFolder, function: SubsetTraining) -> dict[str, Any] | None:
    """The R2 to expect of some budgets, from the masks that a run has measured so far.

    Args:
        study: Whose decoder is asked, and whose budget is among the rows.
        folder: Where the run is.
        function: The study's, by whose content keys values are found.

    Returns:
        masks measured, targets looked at, ceiling, and rows of masks, r2, low, high and this (whether it is
        the study's budget); None before enough is measured.
    """
    if not folder.masks.is_file():
        return None
    design = design_so_far(folder, study, function.grouping)
    table = _measured(study, folder, function, design)
    masks, values = table.aligned("train")
    masks, values = _draws(design, masks, values)
    chosen = np.linspace(0, len(table.targets) - 1, min(len(table.targets), MOST_TARGETS)).astype(int)
    values, replicates = values[:, chosen], table.replicates("heldout")[1][:, :, chosen]
    ceilings = [noise_ceiling(replicates[:, :, target]) for target in range(len(chosen))]
    single = [noise_ceiling(replicates[:, :, target], 1.0).value for target in range(len(chosen))]

    names = tuple(table.targets[target] for target in chosen)
    features = simulated_values(folder, study, study.decoding.method, names, masks.shape[1])

    def fit(inside: NDArray[np.int64]) -> Any:
        found = decoder(study.decoding.method, seed=study.seed).decode(
            masks[inside], values[inside], design=design.distribution, features=features
        )
        return lambda outside: found.evaluate(masks[outside])

    curve = learning_curve(
        values, fit, seed=study.seed, ceilings=[one.value for one in ceilings], single_ceilings=single
    )
    if curve is None:
        return None
    own = len(study.mask_design(function.grouping.keys).training)
    budgets = sorted({own, *(int(factor * len(masks)) for factor in FACTORS)})
    rows = []
    for budget in budgets:
        r2, low, high = curve.expected(budget)
        rows.append({"masks": budget, "r2": r2, "low": low, "high": high, "this": budget == own})
    return {
        "measured": len(masks),
        "targets": len(chosen),
        "of_targets": len(table.targets),
        "ceiling": curve.ceiling if any(one.value is not None for one in ceilings) else None,
        "rows": rows,
    }


def _measured(
    study: StudyConfig, folder: RunFolder, function: SubsetTraining, design: MaskDesign
) -> ValueTable:
    """The values that the store has of a run's masks, whether or not the run came to its end."""
    plan = plan_of(study, design)
    known, values, _ = folder.store.read().lookup(function.keys(plan.masks, plan.seeds))
    return ValueTable(
        targets=function.target_names,
        masks=plan.masks,
        roles=plan.roles,
        seeds=plan.seeds,
        values=np.where(known, values, np.nan),
        causes=tuple(None if done else "not measured yet" for done in known.all(axis=1)),
    )


def _draws(
    design: MaskDesign, masks: NDArray[np.bool_], values: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """The masks that are draws from the law: what is judged on others says nothing of held-out masks."""
    if design.lawful is None:
        return masks, values
    kept = without(masks, design.training[~design.lawful])
    return masks[kept], values[kept]
