"""Studies to measure attribution of groups on: planted functions and texts, exhaustive games, runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spex_data.spectra import FourierExpansion, Term
from spex_data.value_functions.planted_families import FAMILIES, planted_study

Masks, Values = NDArray[np.bool_], NDArray[np.float64]

EMBEDDED_RECIPE: dict[str, Any] = {
    "rank": 4,
    "alpha": 8,
    "target_modules": ("q_proj", "v_proj", "o_proj", "up_proj", "down_proj"),
    "epochs": 6,
    "batch_size": 16,
    "learning_rate": 0.005,
}
"""The demo's."""


class Measure(Protocol):
    """Values of masks, each with its seed."""

    def __call__(self, masks: Masks, seeds: NDArray[np.int64]) -> Values:
        """bool[m, n], int64[m] -> float64[m, t]."""
        ...


@dataclass(frozen=True)
class Stored:
    """Rows of a finished run.

    Attributes:
        training: bool[m, n], its training masks in the order in which they were drawn.
        heldout: bool[h, n].
        replicates: float64[h, seeds, t], the values of the held-out masks.
    """

    training: Masks
    heldout: Masks
    replicates: Values


@dataclass
class Study:
    """What is measured, and what is known of it.

    Attributes:
        kind: Of which study this is one, by seed.
        name: Its own.
        n_groups: Number of groups.
        measure: One fine-tune a mask and seed.
        truth: Of each target the sets that act, with their sign; None where nobody knows.
        targets: Names of the targets; empty where they have none.
        harmful: By target the group that it is better off without.
        gradients: float64[n, t], what a gradient baseline says of each group; None where there is no model.
        exact: Mean over seeds of every subset, float64[2^n, t]; None where not every subset was fine-tuned.
        repeats: From which draw of training masks this study's start.
        stored: What a finished run has measured, if nothing else is; None where any mask can be.
        seen: What was measured so far.
    """

    kind: str
    name: str
    n_groups: int
    measure: Measure
    truth: list[dict[Term, float]] | None = None
    targets: tuple[str, ...] = ()
    harmful: dict[int, int] = field(default_factory=dict)
    gradients: Values | None = None
    exact: Values | None = None
    repeats: int = 0
    stored: Stored | None = None
    seen: dict[tuple[bytes, int], Values] = field(default_factory=dict)

    def values(self, masks: Masks, seeds: NDArray[np.int64]) -> Values:
        """Measures what was not measured before."""
        names = [(np.packbits(mask).tobytes(), int(seed)) for mask, seed in zip(masks, seeds, strict=True)]
        new = list({name: row for row, name in enumerate(names) if name not in self.seen}.values())
        for start in range(0, len(new), 32):
            rows = new[start : start + 32]
            found = self.measure(masks[rows], seeds[rows])
            self.seen |= {names[row]: value for row, value in zip(rows, found, strict=True)}
        return np.array([self.seen[name] for name in names])


def planted(seeds: range, *, n_groups: int, difficulty: float, noise: float) -> Iterator[Study]:
    """Pure functions of all families, with main effects and noise around them."""
    for seed in seeds:
        study = planted_study(
            FAMILIES, n_groups=n_groups, difficulty=difficulty / 2, noise_sd=1.0 + 8.0 * noise, seed=seed
        )
        truth = [_banzhaf(study.function.expansion, each, column) for column, each in enumerate(study.truth)]
        wrong = FAMILIES.index("mislabelled")
        yield Study(
            "planted",
            f"planted {seed}",
            n_groups,
            lambda masks, seeds, f=study.function: f(masks, seeds).values,
            truth,
            FAMILIES,
            {wrong: study.roles[wrong][1]},
        )


def texts(seeds: range, *, n_groups: int, difficulty: float, noise: float) -> Iterator[Study]:
    """Real fine-tunes of a small Llama on texts of all families: interactions by construction."""
    from attribution_gradients import group_gradients

    from spex_data.embedded import embedded_base_model, planted_world
    from spex_data.groups import by_column
    from spex_data.training import LoraRecipe
    from spex_data.value_functions import SubsetTraining

    for seed in seeds:
        world = planted_world(n_groups=n_groups, difficulty=difficulty, noise=noise, seed=seed)
        base = embedded_base_model(seed)
        grouping = by_column(world.examples.ids, world.examples.columns["group"], core=("replay",))
        function = SubsetTraining(
            base,
            world.examples,
            grouping,
            LoraRecipe(**EMBEDDED_RECIPE),
            world.targets,
            adapters_per_pass=8,
        )
        owners = {
            frozenset(grouping.example_ids[row] for row in rows): group
            for group, rows in enumerate(grouping.members)
        }
        names = world.targets.names
        truth: list[dict[Term, float]] = [{} for _ in names]
        for one in world.planted:
            members = tuple(sorted(owners[ids] for ids in one.groups))
            truth[names.index(one.target)][members] = one.ideal
        yield Study(
            "texts",
            f"texts {seed}",
            grouping.n_groups,
            lambda masks, seeds, f=function: f(masks, seeds).values,
            truth,
            names,
            {names.index(target): owners[ids] for target, ids in world.harmful.items()},
            group_gradients(function),
        )


def games(folder: Path, seeds: range) -> Iterator[Study]:
    """Games of which every subset was fine-tuned, with two seeds: a seed's parity says which is looked up.

    Each game is a study once for each of the seeds, which draw the masks that are learnt from.
    """
    for path in sorted(folder.glob("lora12_*.npz")):
        held: Any = np.load(path)
        names = tuple(sorted(name.removeprefix("target_") for name in held.files if name[:7] == "target_"))
        tables = np.stack(
            [np.stack([held[f"seed{k}_{name}"] for name in names], axis=1) for k in (1, 2)]
        ).astype(np.float64)
        n = int(np.log2(tables.shape[1]))

        def look_up(masks: Masks, seeds: NDArray[np.int64], t: Values = tables, n: int = n) -> Values:
            return np.asarray(t[seeds % 2, masks @ (1 << np.arange(n))])

        for seed in seeds:
            yield Study(
                "lora12",
                f"{path.stem} {seed}",
                n,
                look_up,
                targets=names,
                exact=tables.mean(axis=0),
                repeats=seed,
            )


def _banzhaf(expansion: FourierExpansion, truth: Any, column: int) -> dict[Term, float]:
    """Sets whose Banzhaf index is not 0, with it: the index that is recovered."""
    found = {
        one: float(np.atleast_1d(expansion.discrete_derivative(one, lambda order: float(order == 0)))[column])
        for one in truth
    }
    return {one: value for one, value in found.items() if abs(value) > 1e-9}
