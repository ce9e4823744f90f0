"""Every interaction index beside shapiq's exact computation of the same game.

    python benchmarks/indices.py [--quick] [--json FILE]

Random games with a value for every mask; `pip install -e ".[peers]"` adds the peer. Differences are rounding.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from spex_data.indices import interaction_index
from spex_data.spectra import FourierExpansion, Term

PEER_NAMES = {
    "moebius": "Moebius",
    "sv": "SV",
    "bv": "BV",
    "sii": "SII",
    "bii": "BII",
    "stii": "STII",
    "fsii": "FSII",
    "fbii": "FBII",
    "k-sii": "k-SII",
}
ALONE = ("sv", "bv")


@dataclass(frozen=True)
class Comparison:
    """Largest difference between the two over all sets of a game, in units of values of about 1."""

    index: str
    n_groups: int
    order: int
    sets: int
    difference: float


def comparisons(sizes: tuple[int, ...], orders: tuple[int, ...]) -> list[Comparison]:
    """Every index that both compute."""
    found = []
    for n in sizes:
        rng = np.random.default_rng(n)
        table = rng.normal(size=2**n)
        expansion, theirs = transformed(table, n), peer(table, n)
        for kind, order in product(PEER_NAMES, orders):
            if kind in ALONE and order > 1:
                continue
            other = {term: value for term, value in peer_index(theirs, kind, order).items() if term}
            ours = interaction_index(expansion, kind=kind, max_order=order)
            step = max(abs(float(ours.value(term)) - value) for term, value in other.items())
            found.append(Comparison(kind, n, order, len(other), step))
    return found


def transformed(table: NDArray[np.float64], n: int) -> FourierExpansion:
    """The expansion of a value for every mask; group i is present in row k where bit i of k is set."""
    spectrum = table.copy()
    for place in range(n):
        halves = spectrum.reshape(-1, 2, 2**place)
        spectrum = np.stack([halves[:, 0] + halves[:, 1], halves[:, 0] - halves[:, 1]], axis=1).reshape(-1)
    terms = [tuple(i for i in range(n) if code >> i & 1) for code in range(2**n)]
    return FourierExpansion.from_mapping(n, dict(zip(terms, (spectrum / 2**n).tolist(), strict=True)))


def peer(table: NDArray[np.float64], n: int) -> Any:
    """shapiq's exact computer of the game."""
    from shapiq.game_theory.exact import ExactComputer

    def game(coalitions: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.asarray(table[np.asarray(coalitions, dtype=np.int64) @ (1 << np.arange(n))])

    return ExactComputer(game, n_players=n)


def peer_index(computer: Any, kind: str, order: int) -> dict[Term, float]:
    """What shapiq computes, as set -> value."""
    found = computer(PEER_NAMES[kind], order=order)
    return {
        tuple(map(int, term)): float(found.values[place])
        for term, place in found.interaction_lookup.items()
        if len(term) <= order
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="5 groups only")
    parser.add_argument("--json", metavar="FILE", type=Path)
    options = parser.parse_args()
    found = comparisons((5,) if options.quick else (4, 6, 8), (1, 2, 3))
    table = Table("index", "groups", "order", "sets", "largest difference", title="Beside shapiq")
    for each in found:
        table.add_row(
            each.index, str(each.n_groups), str(each.order), str(each.sets), f"{each.difference:.1e}"
        )
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in found], indent=2) + "\n")


if __name__ == "__main__":
    main()
