"""How many atoms of each size to expect, learnt from how many there are."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, log

import numpy as np
from numpy.typing import NDArray

_FEW = 0.5
"""The larger, the fewer interactions are expected before the values are seen."""
_NEVER = -50.0


@dataclass(frozen=True)
class SizePrior:
    """A set of atoms: of the N_k atoms of k groups each is there with probability pi_k ~ Beta(1, b_k).

    With pi_k integrated out, the odds of one more atom beside s of its size are
    (s + 1) / (N_k - s - 1 + b_k): a price for the choice among so many, that falls with each that is there
    (Scott and Berger 2010, "Bayes and empirical-Bayes multiplicity adjustment"). b_k is 1 for single groups,
    and N_k / 2 for larger sets.

    Attributes:
        sizes: int64[q], groups of each candidate.
        possible: Atoms there are of each size.
    """

    sizes: NDArray[np.int64]
    possible: dict[int, int]

    def log_odds(self, active: NDArray[np.bool_]) -> NDArray[np.float64]:
        """float64[q], of each candidate being there, given all the others.

        Args:
            active: bool[q].
        """
        counts = np.bincount(self.sizes[active], minlength=max(self.possible) + 1)
        more, less = np.full(len(counts), _NEVER), np.full(len(counts), _NEVER)
        for size, possible in self.possible.items():
            there = int(counts[size])
            more[size] = self._odds(size, possible, there)
            less[size] = self._odds(size, possible, max(there - 1, 0))
        return np.where(active, less[self.sizes], more[self.sizes])

    @staticmethod
    def _odds(size: int, possible: int, others: int) -> float:
        rare = 1.0 if size == 1 else _FEW * possible
        left = possible - others - 1 + rare
        return log((others + 1) / left) if left > 0 else 0.0


def size_prior(sizes: NDArray[np.int64], n_groups: int, n_kinds: int) -> SizePrior:
    """The prior of candidates among the atoms of so many groups and kinds.

    Args:
        sizes: int64[q], groups of each candidate.
        n_groups: Number of groups.
        n_kinds: Number of kinds that an atom of two or more groups may be of.
    """
    largest = int(sizes.max(initial=1))
    possible = {size: comb(n_groups, size) * (n_kinds if size > 1 else 1) for size in range(1, largest + 1)}
    return SizePrior(sizes, possible)
