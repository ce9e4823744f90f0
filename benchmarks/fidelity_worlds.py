"""Worlds to fine-tune on, whose interactions are known, and what many masks really gave."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from attribution_studies import EMBEDDED_RECIPE
from numpy.typing import NDArray

from spex_data.embedded import demo_world, embedded_base_model, planted_world
from spex_data.evaluation import Targets, make_targets
from spex_data.groups import by_column
from spex_data.spectra import Term
from spex_data.surrogate import ANCHORS, spread_masks
from spex_data.training import AdapterBank, LoraRecipe, bank_keys
from spex_data.value_functions import SubsetTraining
from spex_data.values import read_value_table
from tasks.run_folder import RunFolder
from tasks.value_function import value_function

HELDOUT, HELDOUT_SEEDS = 64, 3
_PASS, _SPAN = 8, 64
_FIRST = 32
"""Masks whose adapters a surrogate may stand on."""
_MORE = 4
_DIFFICULTY = 0.25


@dataclass(frozen=True)
class FidelityWorld:
    """A world, its value function, and what was measured.

    Attributes:
        name: By seed and learning rate.
        function: Of the world.
        masks, values: bool[m, n] and float64[m, t], one seed a mask.
        heldout: bool[h, n].
        replicates: float64[seeds, h, t].
        planted: Of each target the sets of halves that act together by construction; empty if nobody knows.
        folder: Where values and adapters of further masks are kept.
        seconds: Processor time of a fine-tune.
        anchors: Gives the adapters, of the first masks, that a surrogate stands on.
    """

    name: str
    function: SubsetTraining
    masks: NDArray[np.bool_]
    values: NDArray[np.float64]
    heldout: NDArray[np.bool_]
    replicates: NDArray[np.float64]
    planted: list[list[Term]]
    folder: Path
    seconds: float
    anchors: Callable[[], list[AdapterBank]]


def fidelity_world(kind: str, seed: int, rate: float, n_masks: int, folder: Path) -> FidelityWorld:
    """A world, measured where it was not before.

    Args:
        kind: One of KINDS.
        seed: Of the world and its base model.
        rate: Learning rate.
        n_masks: Masks measured; more of them begin with the same ones.
        folder: Where values and adapters are kept.
    """
    function, planted = KINDS[kind](seed, rate)
    rng = np.random.default_rng(seed)
    drawn = rng.random((HELDOUT + n_masks, function.n_groups)) < 0.5
    heldout, masks = drawn[:HELDOUT], drawn[HELDOUT:]
    name = f"{kind}-{seed}-{rate}"
    folder.mkdir(parents=True, exist_ok=True)
    parts: list[NDArray[np.float64]] = []
    seconds: list[float] = []
    rows = [(masks, 1000)] + [(heldout, 100_000 * (1 + turn)) for turn in range(HELDOUT_SEEDS)]
    for turn, (asked, first) in enumerate(rows):
        for start in range(0, len(asked), _SPAN):
            some = asked[start : start + _SPAN]
            file = folder / f"{name}-{turn}-{start:03d}-{len(some)}.npz"
            if not file.exists():
                began = time.process_time()
                found = function(some, first + start + np.arange(len(some)))
                spent = (time.process_time() - began) / len(some)
                if not turn and not start and found.bank is not None:
                    found.bank.select(range(_FIRST)).save(folder / f"{name}-{start:03d}.safetensors")
                np.savez(file, values=found.values, seconds=spent)
            with np.load(file, allow_pickle=False) as held:
                parts.append(held["values"])
                seconds.append(float(held["seconds"]))
    table = np.concatenate(parts)
    return FidelityWorld(
        name,
        function,
        masks,
        table[:n_masks],
        heldout,
        table[n_masks:].reshape(HELDOUT_SEEDS, HELDOUT, -1),
        planted,
        folder,
        float(np.median(seconds)),
        lambda: [_spread(AdapterBank.load(folder / f"{name}-000.safetensors"))],
    )


def finished_world(folder: Path, draw: int, keep: Path) -> FidelityWorld:
    """What a finished run measured, such as that of configs/banking77.yaml with training.keep: all.

    Nothing is fine-tuned but four masks, to know what a fine-tune costs.

    Args:
        folder: The run's.
        draw: Its masks begin with the 64 times so-many-th, and go on with the first after the last.
        keep: Where values and adapters of other masks are kept.
    """
    run = RunFolder(folder)
    table, function = read_value_table(run.values), value_function(run)
    function = function.with_pass_size(run.adapters_per_pass())
    roles = np.array(table.roles)
    train = np.roll(np.flatnonzero(roles == "train"), -_SPAN * draw)
    heldout, replicates = table.replicates("heldout")
    began = time.process_time()
    function(table.masks[train[:4]], table.seeds[train[:4]])
    seconds = (time.process_time() - began) / 4
    first = train[:_FIRST]

    def anchors() -> list[AdapterBank]:
        asked = dict.fromkeys(function.adapter_keys(table.masks[first], table.seeds[first]))
        banks, rows = [], []
        for path in sorted(run.adapters.glob("*.safetensors")):
            bank = AdapterBank.load(path)
            mine = [row for row, key in enumerate(bank_keys(path)) if key in asked]
            banks += [bank] * len(mine)
            rows += mine
        masks = np.array([bank.masks[row] for bank, row in zip(banks, rows, strict=True)])
        return [banks[at].select([rows[at]]) for at in spread_masks(masks, ANCHORS)]

    return FidelityWorld(
        f"{folder.name}-{draw}",
        function,
        table.masks[train],
        table.values[train],
        heldout,
        np.moveaxis(replicates, 1, 0),
        [[] for _ in table.targets],
        keep,
        seconds,
        anchors,
    )


def _spread(bank: AdapterBank) -> AdapterBank:
    return bank.select(spread_masks(bank.masks, ANCHORS))


def _halves(seed: int, rate: float) -> tuple[SubsetTraining, list[list[Term]]]:
    """The demo with every group cut into two that say much the same: 32 groups, 8 questions, redundancy."""
    world: Any = demo_world(seed)
    whole = list(world.examples.columns["group"])
    first: dict[str, int] = {}
    halves = []
    for row, label in enumerate(whole):
        first.setdefault(label, row)
        halves.append(label if label == "replay" else f"{label} / {whole[:row].count(label) % 2 + 1}")
    asked = [first[label] for label in list(first)[1 : 1 + 2 * _MORE : 2]]
    more = make_targets(
        "causal-lm",
        [world.examples.inputs[row] for row in asked],
        [world.examples.outputs[row] for row in asked],
        names=[f"text {row}" for row in asked],
    )
    kept = world.targets.select([k for k, name in enumerate(world.targets.names) if name != "null"])
    function = _function(world, seed, rate, halves, kept.joined(more))
    return function, _complements(world, function)


def _texts(seed: int, rate: float) -> tuple[SubsetTraining, list[list[Term]]]:
    """All families of planted texts: 20 groups, 7 questions."""
    world = planted_world(difficulty=_DIFFICULTY, seed=seed)
    function = _function(world, seed, rate, list(world.examples.columns["group"]), world.targets)
    return function, _complements(world, function)


KINDS: dict[str, Callable[[int, float], tuple[SubsetTraining, list[list[Term]]]]] = {
    "halves": _halves,
    "texts": _texts,
}


def _function(world: Any, seed: int, rate: float, labels: list[str], targets: Targets) -> SubsetTraining:
    grouping = by_column(world.examples.ids, tuple(labels), core=("replay",))
    recipe = LoraRecipe(**{**EMBEDDED_RECIPE, "learning_rate": rate})
    base = embedded_base_model(seed)
    return SubsetTraining(base, world.examples, grouping, recipe, targets, adapters_per_pass=_PASS)


def _complements(world: Any, function: SubsetTraining) -> list[list[Term]]:
    """Of each target the pairs of groups that complement each other by construction.

    Of a planted pair of groups that were cut, every pair of their parts.
    """
    grouping = function.grouping
    owner = {grouping.example_ids[row]: group for group, rows in enumerate(grouping.members) for row in rows}
    found: list[list[Term]] = [[] for _ in function.target_names]
    for one in world.planted:
        if one.target in function.target_names and one.ideal > 0 and len(one.groups) == 2:
            sides = [sorted({owner[identity] for identity in ids}) for ids in one.groups]
            pairs = [tuple(sorted((a, b))) for a in sides[0] for b in sides[1]]
            found[function.target_names.index(one.target)] += pairs
    return found
