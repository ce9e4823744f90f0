"""Adapters that stay on disk: saved by content, and measured again on other targets without training."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from spex_data.masks import MeasurementPlan
from spex_data.training import AdapterBank, bank_keys
from spex_data.value_functions import Measured, SubsetTraining

if TYPE_CHECKING:
    from tasks.run_folder import RunFolder


def keep_adapters(
    folder: RunFolder, function: SubsetTraining, plan: MeasurementPlan, rows: list[int], measured: Measured
) -> None:
    """Saves the adapters of some rows of the plan as the study's policy says: all, the held-out, or none."""
    policy = folder.read_study().training.keep
    if measured.bank is None or policy == "none":
        return
    roles = ("train", "heldout") if policy == "all" else ("heldout",)
    wanted = [place for place, row in enumerate(rows) if plan.roles[row] in roles]
    if wanted:
        kept = [rows[place] for place in wanted]
        keys = function.adapter_keys(plan.masks[kept], plan.seeds[kept])
        digest = blake2b("".join(keys).encode(), digest_size=4).hexdigest()
        name = f"rows-{kept[0]:06d}-{kept[-1]:06d}-{digest}.safetensors"
        measured.bank.select(wanted).save(folder.adapters / name, keys=keys)


def find_kept(folder: RunFolder) -> dict[str, str]:
    """The file that holds each adapter kept, by the adapter's content key."""
    files = sorted(folder.adapters.glob("*.safetensors"))
    return {key: file.name for file in files for key in bank_keys(file)}


def measure_kept(
    folder: RunFolder,
    function: SubsetTraining,
    plan: MeasurementPlan,
    rows: list[int],
    banks: tuple[str, ...],
) -> Measured:
    """The targets of a function on adapters that were trained before.

    A file is measured whole, as it was when it was trained, so that the same targets give the same bits.

    Args:
        folder: The run's.
        function: Its value function, of the targets wanted.
        plan: What is measured.
        rows: Rows of it whose adapters are in the files.
        banks: The files.

    Returns:
        What measuring the rows would have given, without losses and adapters.
    """
    place = {key: at for at, key in enumerate(function.adapter_keys(plan.masks[rows], plan.seeds[rows]))}
    values = np.full((len(rows), len(function.targets)), np.nan)
    causes: list[str | None] = [None] * len(rows)
    losses = np.full(len(rows), np.nan)
    for name in banks:
        bank = AdapterBank.load(folder.adapters / name)
        found = function.evaluate(bank)
        for adapter, key in enumerate(bank_keys(folder.adapters / name)):
            if key in place:
                at = place[key]
                values[at], causes[at], losses[at] = (
                    found[adapter],
                    bank.causes[adapter],
                    bank.losses[adapter],
                )
    return Measured(values, tuple(causes), losses)
