"""The atoms that a search looks at: those that the residual points at, and their kin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding.atoms import Atom, Dictionary, Scored
from spex_data.decoding.sparse.background import Background

_LATER = 60
"""Atoms taken from each scan but the first."""
_BEST_PAIRS = 200
"""Pairs of each kind that a scan looks at."""
_FAINT = 0.3
"""Atoms that gain less than this share of what chance alone gains are not taken."""
_SPLIT = 20
"""Of so many of the best their subsets are taken too."""
_LEAST_SPREAD = 1e-3


@dataclass(eq=False)
class Candidates:
    """Atoms and their columns, which `scan` adds to; single groups are there from the first.

    Attributes:
        dictionary: Where atoms come from.
        max_order: Largest atom.
        first: Atoms taken from the first scan.
        atoms: q of them.
        columns: float64[m, q], of mean 0 and unit variance.
        means, spreads: float64[q], of the atoms before that.
    """

    dictionary: Dictionary
    max_order: int
    first: int
    atoms: list[Atom] = field(default_factory=list)
    columns: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    means: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    spreads: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    @property
    def sizes(self) -> NDArray[np.int64]:
        """int64[q], groups of each atom."""
        return np.array([len(members) for _, members in self.atoms], dtype=np.int64)

    def scan(self, residual: NDArray[np.float64], active: Sequence[Atom], beside: Background) -> None:
        """Takes in what the residual correlates with most, and the kin of that and of the active atoms.

        Args:
            residual: float64[m], what is left beside the background.
            active: Atoms that explain the rest of the values.
            beside: The background. It explains most of an AND where groups are often present, so atoms are
                judged by what it leaves of them.
        """
        if not self.atoms:
            self._take((0, (group,)) for group in range(self.dictionary.n_groups))
            most = self.first
        else:
            most = _LATER
        if self.max_order < 2:
            return
        unit = max(float(residual @ residual), 1e-300)
        scored: list[Scored] = list(
            self.dictionary.pairs(
                residual,
                unit,
                least=self._least(2),
                most=_BEST_PAIRS,
                variances=self._variances(beside) if beside.variance else None,
            )
        )
        if self.max_order > 2:
            scored += self.dictionary.extensions(residual, unit, active, self.max_order)
            scored += self.dictionary.triples(residual, unit, least=self._least(3))
        known = set(self.atoms)
        best = sorted((each for each in scored if each.atom not in known), key=lambda each: -each.gain)[:most]
        self._take(each.atom for each in best)
        for each in best[:_SPLIT]:
            self._take(_subsets(each.atom))
        for _, members in active:
            if len(members) > 1:
                kinds = range(len(self.dictionary.kinds))
                self._take((other, members) for other in kinds)
                self._take(atom for other in kinds for atom in _subsets((other, members)))

    def _variances(self, beside: Background) -> tuple[NDArray[np.float64], ...]:
        spreads = np.sqrt((beside.columns**2).mean(axis=0))
        scale = np.sqrt(1 - self.dictionary.first_moments**2) / np.maximum(spreads, _LEAST_SPREAD)
        return self.dictionary.pair_variances_beside(beside.left * np.outer(scale, scale), beside.kept)

    def _least(self, order: int) -> float:
        return (_FAINT - 1.0) * self.dictionary.price(order)

    def _take(self, atoms: Iterable[Atom]) -> None:
        known = set(self.atoms)
        fresh = [atom for atom in dict.fromkeys(atoms) if atom not in known]
        if not fresh:
            return
        columns = np.stack([self.dictionary.column(atom) for atom in fresh], axis=1)
        means, spreads = columns.mean(axis=0), np.maximum(columns.std(axis=0), _LEAST_SPREAD)
        columns = (columns - means) / spreads
        self.columns = np.hstack([self.columns.reshape(len(columns), -1), columns])
        self.means, self.spreads = np.r_[self.means, means], np.r_[self.spreads, spreads]
        self.atoms = [*self.atoms, *fresh]


def _subsets(atom: Atom) -> Iterable[Atom]:
    """The atoms of the same kind on all but one of its groups, if these are two or more."""
    kind, members = atom
    if len(members) < 3:
        return
    for part in combinations(members, len(members) - 1):
        yield kind, part
