"""Between collecting and recovering: what a surrogate says of masks that nobody fine-tunes on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from prefect import get_run_logger, task

from spex_data.decoding import Simulated
from spex_data.errors import DecodingError, StoreError, TrainingError
from spex_data.study import StudyConfig
from spex_data.values import ValueTable
from tasks.design import read_plan
from tasks.kept_adapters import find_kept
from tasks.retries import TASK_OPTIONS
from tasks.run_folder import RunFolder
from tasks.simulated import listens
from tasks.tracking import TrackedRun, log_params
from tasks.value_function import value_function

if TYPE_CHECKING:
    from spex_data.surrogate import Surrogate
    from spex_data.training import AdapterBank
    from spex_data.value_functions import SubsetTraining

_SIMULATED = 1000
"""Masks that are simulated: enough for expansions of pairs among some 40 groups."""
_EVERY = 12
"""Up to so many groups every mask is."""
_AMONG = 32
"""First training masks that the anchors are among, so that more masks change none of them."""


@task(
    name="simulate masks",
    task_run_name="simulate masks by gradients at kept adapters",
    description="Take gradients at a few adapters; simulate the training of many masks in their place.",
    tags=["decode"],
    **TASK_OPTIONS,
)
def simulate(directory: str, table: ValueTable, tracked: TrackedRun) -> str:
    """Writes what the surrogate says, for `recover` to read; nothing where the study asks for none.

    A surrogate is a help and no more: where it cannot be had the study is decoded without it.

    Args:
        directory: A run folder whose masks are measured.
        table: Its values.
        tracked: The MLflow run.

    Returns:
        What was done, in words; empty where nothing was asked for.
    """
    folder = RunFolder(Path(directory))
    study = folder.read_study()
    if not listens(study, study.decoding.method):
        return ""
    try:
        said = _simulated(folder, study, table)
    except (TrainingError, DecodingError) as error:
        folder.simulated.unlink(missing_ok=True)
        said = f"decoded without a surrogate: {error}"
        get_run_logger().info(said)
    log_params(tracked, {"surrogate": said})
    return said


def _simulated(folder: RunFolder, study: StudyConfig, table: ValueTable) -> str:
    from spex_data.surrogate import ANCHORS, build_surrogate, surrogate_fingerprint

    function = value_function(folder)
    banks = _anchors(folder, function, ANCHORS)
    what = function.base_model, function.examples, function.targets, function.recipe
    surrogate = _kept(folder, surrogate_fingerprint(*what, banks))
    if surrogate is None:
        base, examples, targets, recipe = what
        surrogate = build_surrogate(
            base, examples, function.grouping, targets, recipe, banks, seed=study.seed
        )
        surrogate.save(folder.surrogate)
    masks = _masks(function.n_groups, float(study.masks.p), study.seed)
    Simulated(masks, surrogate.simulate(function.grouping, masks)).save(folder.simulated, table.targets)
    anchors = f"gradients at {surrogate.n_anchors} adapters ({surrogate.seconds:.1f} s of processor time)"
    return f"{anchors}, {len(masks):,} masks simulated"


def _kept(folder: RunFolder, fingerprint: str) -> Surrogate | None:
    """The surrogate of before, if it is of the same model, recipe, examples, targets and anchors."""
    from spex_data.surrogate import Surrogate

    try:
        found = Surrogate.load(folder.surrogate)
    except StoreError:
        return None
    return found if found.fingerprint == fingerprint else None


def _anchors(folder: RunFolder, function: SubsetTraining, count: int) -> list[AdapterBank]:
    """Adapters of early training masks far from each other, which the held-out masks have no part in."""
    from spex_data.surrogate import spread_masks
    from spex_data.training import AdapterBank, bank_keys

    plan = read_plan(folder.masks)
    rows = [row for row, role in enumerate(plan.roles) if role == "train" and plan.masks[row].any()]
    kept = find_kept(folder)
    keys = function.adapter_keys(plan.masks[rows], plan.seeds[rows])
    places = [place for place, key in enumerate(keys) if key in kept][:_AMONG]
    if not places:
        raise TrainingError(
            "no adapter of a training mask is kept (training.keep)",
            where="decoding.surrogate",
            instead=f"write training.keep: all and run in another folder with --out: {count} of the"
            " fine-tunes are used again, at about half of a fine-tune each",
        )
    chosen = [keys[places[at]] for at in spread_masks(plan.masks[rows][places], count)]
    banks = []
    for name in sorted({kept[key] for key in chosen}):
        found = {key: at for at, key in enumerate(bank_keys(folder.adapters / name))}
        bank = AdapterBank.load(folder.adapters / name)
        banks.append(bank.select([found[key] for key in chosen if kept[key] == name]))
    return banks


def _masks(n_groups: int, p: float, seed: int) -> NDArray[np.bool_]:
    """bool[q, n_groups], the masks to be simulated: all of them, or drawn as the study's own are."""
    if n_groups <= _EVERY and 2**n_groups >= 100:
        return ((np.arange(2**n_groups)[:, None] >> np.arange(n_groups)) & 1).astype(np.bool_)
    return np.asarray(np.random.default_rng([seed, n_groups]).random((_SIMULATED, n_groups)) < p)
