"""Adding atoms while they gain more than chance does, and taking back those that no longer do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding.atoms import Atom, Scored

_BATCH = 0.2
"""Atoms added a step, as a share of the active ones."""
_NEARLY = 0.5
"""Atoms added beside the best gain at least this share of it."""
_MOST_ACTIVE = 0.35
"""Active atoms, at most, as a share of the masks."""
_EXACT = 1e-10
"""A residual of this share of the values' variance is rounding."""
_PRUNE = 0.9
"""An atom is taken back below this share of the price it was added at."""


class AtomSource(Protocol):
    """Where atoms come from: an exhaustive scan (Dictionary), or one with the sets that a code names."""

    def price(self, order: int) -> float:
        """What chance alone gains an atom of that many groups, in units of the noise."""
        ...

    def column(self, atom: Atom) -> NDArray[np.float64]:
        """float64[m], the atom on the masks."""
        ...

    def singles(self, residual: NDArray[np.float64], unit: float) -> Iterable[Scored]:
        """Atoms of one group."""
        ...

    def pairs(self, residual: NDArray[np.float64], unit: float) -> Iterable[Scored]:
        """Atoms of two groups."""
        ...

    def extensions(
        self, residual: NDArray[np.float64], unit: float, atoms: Sequence[Atom], max_order: int
    ) -> Iterable[Scored]:
        """Larger atoms that are cheap to find."""
        ...

    def triples(self, residual: NDArray[np.float64], unit: float) -> Iterable[Scored]:
        """Larger atoms that are dear to find, asked for when nothing else is left."""
        ...


@dataclass
class _Active:
    """The active atoms: centred columns, their Gram matrix and products with the values, and the residual."""

    atoms: list[Atom]
    columns: NDArray[np.float64]
    gram: NDArray[np.float64]
    products: NDArray[np.float64]
    residual: NDArray[np.float64]

    def add(self, atoms: Sequence[Atom], columns: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """More atoms, and least squares on all of them."""
        columns = columns - columns.mean(axis=0)
        cross = self.columns.T @ columns
        self.gram = np.block([[self.gram, cross], [cross.T, columns.T @ columns]])
        self.products = np.concatenate([self.products, columns.T @ values])
        self.columns = np.hstack([self.columns, columns])
        self.atoms = [*self.atoms, *atoms]
        self.refit(values)

    def keep(self, kept: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Only these atoms, and least squares on them."""
        self.atoms = [self.atoms[place] for place in kept]
        self.columns, self.products = self.columns[:, kept], self.products[kept]
        self.gram = self.gram[np.ix_(kept, kept)]
        self.refit(values)

    def refit(self, values: NDArray[np.float64]) -> None:
        """The residual of least squares."""
        self.residual = values - self.columns @ np.linalg.solve(self.steadied(), self.products)

    def steadied(self) -> NDArray[np.float64]:
        """The Gram matrix with so little added to its diagonal that equal atoms can be told apart."""
        return self.gram + np.diag(1e-9 * np.diag(self.gram) + 1e-12)

    def noise(self) -> float:
        """Variance of the residual."""
        spare = max(len(self.residual) - len(self.atoms) - 1, 1)
        return float(self.residual @ self.residual) / spare


def pursue(
    dictionary: AtomSource,
    values: NDArray[np.float64],
    strictness: Sequence[float],
    max_order: int,
    *,
    dear_scans: int = 3,
) -> list[list[Atom]]:
    """The atoms found at several thresholds, from one search at the lowest.

    An atom is added if it gains more than `strictness` times 2 log(number of sets of its size) times the
    noise variance, which is what the best of so many would gain by chance.

    Args:
        dictionary: Atoms on the masks.
        values: float64[m].
        strictness: In descending order.
        max_order: Largest atom.
        dear_scans: Times that `triples` is asked for, at most.

    Returns:
        Atoms for each strictness.
    """
    values = values - values.mean()
    m = len(values)
    active = _Active([], np.zeros((m, 0)), np.zeros((0, 0)), np.zeros(0), values)
    scans = 0
    exact = _EXACT * float(values @ values)
    while len(active.atoms) < max(4, _MOST_ACTIVE * m) and float(active.residual @ active.residual) > exact:
        unit = m * active.noise()
        found = _promising(dictionary, active, unit, strictness[-1], max_order)
        if not found and max_order >= 3 and scans < dear_scans:
            scans += 1
            scored = dictionary.triples(active.residual, unit)
            found = _above(scored, dictionary, active.atoms, strictness[-1])
        if not found:
            break
        chosen = _batch(found, max(1, int(_BATCH * len(active.atoms))))
        active.add(chosen, np.stack([dictionary.column(atom) for atom in chosen], axis=1), values)
    return [_pruned(active, dictionary, values, each) for each in reversed(strictness)][::-1]


def _promising(
    dictionary: AtomSource, active: _Active, unit: float, strictness: float, max_order: int
) -> list[Scored]:
    scored = list(dictionary.singles(active.residual, unit))
    if max_order >= 2:
        scored += dictionary.pairs(active.residual, unit)
    if max_order >= 3:
        scored += dictionary.extensions(active.residual, unit, active.atoms, max_order)
    return _above(scored, dictionary, active.atoms, strictness)


def _above(
    scored: Iterable[Scored], dictionary: AtomSource, active: Sequence[Atom], strictness: float
) -> list[Scored]:
    """New atoms that pay, best first; a price is charged `strictness` times."""
    known = set(active)
    found = [
        Scored(each.gain + (1.0 - strictness) * dictionary.price(len(each.atom[1])), each.atom)
        for each in scored
        if each.atom not in known
    ]
    return sorted((each for each in found if each.gain > 0), key=lambda each: (-each.gain, each.atom))


def _batch(found: Sequence[Scored], most: int) -> list[Atom]:
    """The best atoms, one a set of groups."""
    chosen: list[Atom] = []
    for each in found:
        if len(chosen) == most or each.gain < _NEARLY * found[0].gain:
            break
        if all(each.atom[1] != other[1] for other in chosen):
            chosen.append(each.atom)
    return chosen


def _pruned(
    active: _Active, dictionary: AtomSource, values: NDArray[np.float64], strictness: float
) -> list[Atom]:
    """Takes back, worst first, what does not pay beside the others; leaves `active` so."""
    while active.atoms:
        inverse = np.linalg.inv(active.steadied())
        coefficients = inverse @ active.products
        noise = max(active.noise(), 1e-20 * float(values @ values) / len(values))
        gains = coefficients**2 / np.maximum(np.diag(inverse), 1e-300) / noise
        prices = np.array([dictionary.price(len(atom[1])) for atom in active.atoms])
        ratio = gains / (_PRUNE * strictness * prices)
        weak = np.flatnonzero(ratio < 1)
        if not len(weak):
            break
        worst = weak[np.argsort(ratio[weak])][: max(1, len(weak) // 3)]
        active.keep(np.setdiff1d(np.arange(len(active.atoms)), worst), values)
    return list(active.atoms)
