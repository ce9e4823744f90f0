"""What several walks from different starts say together: the mean expansion, and which sets act.

A walk goes between neighbours, so it stays in the region of the posterior that it came to first. Walks that
settled differently are weighted by the posterior of the set of atoms where each stayed longest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from spex_data.decoding.atoms import Dictionary
from spex_data.decoding.basis import PARITY, Basis, centred
from spex_data.decoding.sparse.walk import Effort, Visited, walk
from spex_data.decoding.uncertainty.crossfit import combined
from spex_data.spectra import FourierExpansion, Term

_LEAST_WEIGHT = 0.001
_LEAST_RANGE = 1e-9
"""Values that differ by less are one value: nothing acts, and there is no noise to tell anything by."""


@dataclass(frozen=True, eq=False)
class Posterior:
    """Averages over sets of atoms.

    Attributes:
        mean: The expansion.
        acting: How likely each set of two or more groups acts.
        n_atoms: Mean number of atoms.
        background: Mean variance of single groups beside them, in units of the noise.
    """

    mean: FourierExpansion
    acting: dict[Term, float]
    n_atoms: float
    background: float


def posterior(
    dictionary: Dictionary,
    values: NDArray[np.float64],
    p: float,
    *,
    max_order: int,
    efforts: Sequence[Effort],
    seed: Sequence[int],
) -> Posterior:
    """Walks, one for each effort, and averages over them.

    Args:
        dictionary: Atoms on the masks.
        values: float64[m], of unit variance or so.
        p: How often groups are present.
        max_order: Largest atom.
        efforts: How long each walk takes, and how it starts.
        seed: Of the walks.
    """
    centre = float(values.mean())
    if np.ptp(values) < _LEAST_RANGE:
        constant = FourierExpansion(dictionary.n_groups, ((),), np.array([centre]))
        return Posterior(constant, {}, n_atoms=0.0, background=0.0)
    walks = [
        walk(
            dictionary,
            values - centre,
            p,
            max_order=max_order,
            effort=effort,
            rng=np.random.default_rng([*seed, number]),
        )
        for number, effort in enumerate(efforts)
    ]
    weights = softmax([visited.log_posterior for visited in walks])
    weights[weights < _LEAST_WEIGHT] = 0.0
    used = [
        (weight, visited)
        for weight, visited in zip((weights / weights.sum()).tolist(), walks, strict=True)
        if weight
    ]
    acting: dict[Term, float] = {}
    for weight, visited in used:
        for term, chance in _acting(visited, p).items():
            acting[term] = acting.get(term, 0.0) + weight * chance
    return Posterior(
        combined([(weight, _as_fourier(visited, centre, p)) for weight, visited in used]),
        acting,
        sum(weight * visited.n_atoms for weight, visited in used),
        sum(weight * visited.background.variance for weight, visited in used),
    )


def _as_fourier(visited: Visited, centre: float, p: float) -> FourierExpansion:
    """Mean of the walk as a Fourier expansion."""
    pool = visited.candidates
    dictionary = pool.dictionary
    scaled = visited.coefficients / pool.spreads
    total: dict[Term, float] = {(): centre - float(scaled @ pool.means)}

    def add(basis: Basis, terms: Sequence[Term], coefficients: NDArray[np.float64]) -> None:
        part = basis.to_fourier(dictionary.n_groups, ((), *terms), np.r_[0.0, coefficients])
        for term, value in zip(part.terms, part.coefficients.tolist(), strict=True):
            total[term] = total.get(term, 0.0) + value

    for kind, basis in enumerate(dictionary.kinds):
        mine = [place for place in np.flatnonzero(scaled).tolist() if pool.atoms[place][0] == kind]
        add(basis, [pool.atoms[place][1] for place in mine], scaled[mine])
    if visited.background.variance:
        basis = centred(p)
        shift = basis.offset + basis.slope * dictionary.signs.mean(axis=0, dtype=np.float64)
        total[()] -= float(visited.singles @ shift)
        add(basis, [(group,) for group in range(dictionary.n_groups)], visited.singles)
    return FourierExpansion.from_mapping(dictionary.n_groups, total)


def _acting(visited: Visited, p: float) -> dict[Term, float]:
    """How likely each set of two or more groups acts, its mean discrete derivative being other than 0.

    An atom is the reason for every set within it, but for centred products, and parities at p = 1/2, which
    are the reason for their own set alone.
    """
    pool = visited.candidates
    alone = [
        basis in (centred(p), PARITY) and (basis != PARITY or p == 0.5) for basis in pool.dictionary.kinds
    ]
    found: dict[Term, float] = {}
    for share, here in visited.states:
        sets: set[Term] = set()
        for place in here.tolist():
            kind, members = pool.atoms[place]
            sizes = range(len(members) if alone[kind] else 2, len(members) + 1)
            sets.update(chain.from_iterable(combinations(members, size) for size in sizes if size > 1))
        for term in sets:
            found[term] = found.get(term, 0.0) + share
    return found
