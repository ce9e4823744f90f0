"""Whether 256 other fine-tunes bear out what a few report, with and without a gradient surrogate.

    python benchmarks/fidelity_reported.py [--kind halves | texts] [--worlds 1 2 3] [--budgets 48 96 192] \\
        [--keep DIR] [--quick]

The worlds of benchmarks/fidelity.py, really fine-tuned. Pairs that are reported from the first masks, at a
false discovery rate of 10%, beside what `auto` without a surrogate makes of the last 256 of 512 masks, of
which the others know nothing: how many have the sign that they have there, how many are reported there too,
and how many intervals hold the value there, as far as it is known (half widths are added in squares).
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from fidelity import law, simulated
from fidelity_worlds import KINDS, FidelityWorld, fidelity_world
from rich.console import Console
from rich.table import Table

from spex_data.decoding import Interaction, decoder

_MASKS, _OTHERS = 512, 256
_FDR = 0.1
_METHODS = {"auto, no surrogate": False, "auto": True}
Listed = list[dict[tuple[int, ...], Interaction]]
"""Of each target its pairs."""


@dataclass
class Borne:
    """Counts over the pairs that were reported, and the sum of their intervals' widths."""

    reported: int = 0
    same_sign: int = 0
    reported_there: int = 0
    within: int = 0
    widths: float = 0.0

    def add(self, one: Interaction, there: Interaction | None) -> None:
        """Counts a pair, and what the other fine-tunes say of it."""
        value, (low, high) = (there.value if there else 0.0), one.ci or (-np.inf, np.inf)
        known = (there.ci[1] - there.ci[0]) / 2 if there and there.ci else 0.0
        self.reported += 1
        self.same_sign += value * one.value > 0
        self.reported_there += bool(there and there.reported)
        self.within += bool(abs((low + high) / 2 - value) <= np.hypot((high - low) / 2, known))
        self.widths += high - low


def pairs(world: FidelityWorld, rows: slice, told: bool) -> Listed:
    """What a default decoder lists of some masks."""
    features = simulated(world)[0] if told else None
    decoded = decoder("auto").decode(
        world.masks[rows], world.values[rows], design=law(world), features=features
    )
    return [
        {one.members: one for one in listed if one.order == 2} for listed in decoded.interactions(2, fdr=_FDR)
    ]


def main() -> None:
    """Prints a line for each method and budget, counts over worlds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kind", choices=KINDS, default="halves", help="of worlds")
    parser.add_argument("--worlds", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--rate", type=float, default=0.005)
    parser.add_argument("--budgets", type=int, nargs="*", default=[48, 96, 192])
    parser.add_argument("--keep", type=Path, default=Path("runs/fidelity"), metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="one world, one budget")
    options = parser.parse_args()
    if options.quick:
        options.worlds, options.budgets = options.worlds[:1], options.budgets[:1]
    counts = {(name, budget): Borne() for name in _METHODS for budget in options.budgets}
    for seed in options.worlds:
        world = fidelity_world(options.kind, seed, options.rate, _MASKS, options.keep)
        there = pairs(world, slice(_OTHERS, None), told=False)
        for (name, budget), borne in counts.items():
            for found, known in zip(pairs(world, slice(budget), _METHODS[name]), there, strict=True):
                for members, one in found.items():
                    if one.reported:
                        borne.add(one, known.get(members))
            print(seed, name, budget, astuple(borne), flush=True)
    table = Table("method", "fine-tunes", "reported", "same sign", "reported there", "within", "width")
    for (name, budget), borne in counts.items():
        figures = (borne.reported, borne.same_sign, borne.reported_there, borne.within)
        width = borne.widths / max(borne.reported, 1)
        table.add_row(name, str(budget), *map(str, figures), f"{width:.2f}")
    Console().print(f"{options.kind}, {len(options.worlds)} worlds, learning rate {options.rate}", table)


if __name__ == "__main__":
    main()
