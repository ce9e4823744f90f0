"""Scanning every pair and every triple of groups for the product that a residual correlates with most.

An atom is the product over its groups of a + b chi_i, so with the residual r (of mean 0) every pair's inner
product follows from one matrix product H = chi' diag(r) chi and h = chi' r, whatever the kind of atom:

    sum of r z_i z_j = a b (h_i + h_j) + b^2 H_ij,

and every triple's from one more matrix product a group.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import comb, inf, log

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding.basis import Basis
from spex_data.decoding.uncertainty.crossfit import combined
from spex_data.spectra import FourierExpansion, Term

Atom = tuple[int, Term]
"""(place of its basis among the kinds, its groups)."""
_LEAST_VARIANCE = 1e-3
_BEST_PAIRS, _BEST_TRIPLES = 60, 20
_TRIPLE_WORK = 3e8
"""Multiplications beyond which triples are not scanned."""


@dataclass(frozen=True)
class Scored:
    """An atom and its gain: the drop of the residual sum of squares in units of the noise, less its price."""

    gain: float
    atom: Atom


@dataclass(frozen=True, eq=False)
class Dictionary:
    """Atoms of some kinds on some masks.

    Attributes:
        kinds: Bases that atoms are products in; atoms of one group are of the first kind.
        signs: float32[m, n_groups], chi.
    """

    kinds: tuple[Basis, ...]
    signs: NDArray[np.float32]

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return int(self.signs.shape[1])

    @cached_property
    def first_moments(self) -> NDArray[np.float64]:
        """float64[n_groups], the means of chi_i."""
        return self.signs.mean(axis=0, dtype=np.float64)

    @cached_property
    def second_moments(self) -> NDArray[np.float64]:
        """float64[n_groups, n_groups], the means of chi_i chi_j."""
        return (self.signs.T @ self.signs).astype(np.float64) / len(self.signs)

    @cached_property
    def pair_variances(self) -> tuple[NDArray[np.float64], ...]:
        """For each kind float64[n_groups, n_groups]; infinite on and below the diagonal."""
        means, moments = self.first_moments, self.second_moments
        below = np.tril_indices(self.n_groups)
        found = []
        for basis in self.kinds:
            a, b = basis.offset, basis.slope
            mean = _pair_sums(a, b, means, moments)
            square = _pair_sums(a * a + b * b, 2 * a * b, means, moments)
            variance = square - mean**2
            variance[variance < _LEAST_VARIANCE] = np.inf
            variance[below] = np.inf
            found.append(variance)
        return tuple(found)

    def pair_variances_beside(
        self, single_covariance: NDArray[np.float64], kept: float
    ) -> tuple[NDArray[np.float64], ...]:
        """As `pair_variances`, of what is left of pairs beside a fit of all single groups.

        Args:
            single_covariance: float64[n_groups, n_groups], of chi, of what is left of single groups.
            kept: Share that is left of columns that have nothing to do with single groups.
        """
        means, left = self.first_moments, single_covariance.diagonal()
        deviations = kept * np.outer(1 - means**2, 1 - means**2)
        below = np.tril_indices(self.n_groups)
        found = []
        for basis in self.kinds:
            slopes = basis.slope * (basis.offset + basis.slope * means)
            weighted = slopes**2 * left[:, None]
            variance = weighted + weighted.T + 2 * np.outer(slopes, slopes) * single_covariance
            variance += basis.slope**4 * deviations
            variance[variance < _LEAST_VARIANCE] = np.inf
            variance[below] = np.inf
            found.append(variance)
        return tuple(found)

    def price(self, order: int) -> float:
        """2 log of the number of sets of a size: what chance alone gains, in units of the noise."""
        return 2.0 * log(max(2, comb(self.n_groups, order)))

    def column(self, atom: Atom) -> NDArray[np.float64]:
        """float64[m], the atom on the masks."""
        basis, members = self.kinds[atom[0]], list(atom[1])
        factors = basis.offset + basis.slope * self.signs[:, members].astype(np.float64)
        return np.asarray(factors.prod(axis=1))

    def expansion(
        self, atoms: Sequence[Atom], coefficients: NDArray[np.float64], constant: float
    ) -> FourierExpansion:
        """constant + sum of coefficients times atoms.

        Args:
            atoms: k atoms.
            coefficients: float64[k].
            constant: Added to every value.
        """
        parts = []
        for kind, basis in enumerate(self.kinds):
            mine = [place for place, atom in enumerate(atoms) if atom[0] == kind]
            terms = [atoms[place][1] for place in mine]
            parts.append(basis.to_fourier(self.n_groups, ((), *terms), np.r_[0.0, coefficients[mine]]))
        return combined([(1.0, part) for part in parts], constant)

    def singles(self, residual: NDArray[np.float64], unit: float) -> Iterator[Scored]:
        """Atoms of one group; `unit` is m times the noise variance, like in what follows."""
        products = self.signs.T @ residual.astype(np.float32)
        gains = products.astype(np.float64) ** 2 / np.maximum(1 - self.first_moments**2, _LEAST_VARIANCE)
        for group in range(self.n_groups):
            yield Scored(float(gains[group]) / unit - self.price(1), (0, (group,)))

    def pairs(
        self,
        residual: NDArray[np.float64],
        unit: float,
        *,
        least: float = -inf,
        most: int = _BEST_PAIRS,
        variances: Sequence[NDArray[np.float64]] | None = None,
    ) -> Iterator[Scored]:
        """The best atoms of two groups of each kind, `most` at most, of those that gain at least `least`.

        `variances` are `pair_variances` unless given.
        """
        short = residual.astype(np.float32)
        first = (self.signs.T @ short).astype(np.float64)
        second = ((self.signs * short[:, None]).T @ self.signs).astype(np.float64)
        price = self.price(2)
        divisors = self.pair_variances if variances is None else variances
        for kind, (basis, divisor) in enumerate(zip(self.kinds, divisors, strict=True)):
            a, b = basis.offset, basis.slope
            gains = (a * b * (first[:, None] + first) + b * b * second) ** 2 / divisor
            flat = gains.reshape(-1)
            best = np.argpartition(-flat, min(most, len(flat) - 1))[:most]
            best = best[flat[best] >= (price + least) * unit]
            for place in best.tolist():
                i, j = divmod(place, self.n_groups)
                yield Scored(float(flat[place]) / unit - price, (kind, (i, j)))

    def extensions(
        self, residual: NDArray[np.float64], unit: float, atoms: Sequence[Atom], max_order: int
    ) -> Iterator[Scored]:
        """Active atoms with one group more; they pay for the choice among these alone."""
        grown = [atom for atom in atoms if 2 <= len(atom[1]) < max_order]
        if not grown:
            return
        price = self.price(1) + 2.0 * log(1 + len(grown))
        for kind, members in grown:
            basis = self.kinds[kind]
            product = self.column((kind, members))
            factors = basis.offset + basis.slope * self.signs.astype(np.float64)
            columns = product[:, None] * factors
            variances = columns.var(axis=0)
            variances[(variances < _LEAST_VARIANCE**2)] = np.inf
            variances[list(members)] = np.inf
            gains = (columns.T @ residual) ** 2 / variances
            group = int(gains.argmax())
            if gains[group] <= 0:  # nothing varies beside it
                continue
            yield Scored(float(gains[group]) / unit - price, (kind, tuple(sorted((*members, group)))))

    def triples(self, residual: NDArray[np.float64], unit: float, *, least: float = -inf) -> Iterator[Scored]:
        """The best atoms of three groups that gain at least `least`, unless there are too many to look at."""
        m, n = self.signs.shape
        if n < 3 or (m + 20 * len(self.kinds)) * n**3 / 3 > _TRIPLE_WORK:
            return
        short = residual.astype(np.float32)
        first = (self.signs.T @ short).astype(np.float64)
        second = ((self.signs * short[:, None]).T @ self.signs).astype(np.float64)
        price = self.price(3)
        for group in range(n - 2):
            rest = slice(group + 1, n)
            signs = self.signs[:, rest]
            third = ((signs * (short * self.signs[:, group])[:, None]).T @ signs).astype(np.float64)
            own, others, both = first[group], first[rest], second[group, rest]
            singles = own + others[:, None] + others
            pairs = second[rest, rest] + both[:, None] + both
            for kind, basis in enumerate(self.kinds):
                a, b = basis.offset, basis.slope
                products = a * a * b * singles + a * b * b * pairs + b**3 * third
                gains = np.triu(products**2, 1) / self._triple_variance(basis)
                flat = gains.reshape(-1)
                best = np.argpartition(-flat, min(_BEST_TRIPLES, len(flat) - 1))[:_BEST_TRIPLES]
                best = best[flat[best] >= (price + least) * unit]
                for place in best.tolist():
                    i, j = divmod(place, len(others))
                    atom = (kind, (group, group + 1 + i, group + 1 + j))
                    yield Scored(float(flat[place]) / unit - price, atom)

    def _triple_variance(self, basis: Basis) -> float:
        """As if groups were independent and present equally often, which is enough to choose by."""
        chi = float(self.first_moments.mean())
        a, b = basis.offset, basis.slope
        mean, square = a + b * chi, a * a + b * b + 2 * a * b * chi
        return max(square**3 - mean**6, _LEAST_VARIANCE)


def _pair_sums(
    a: float, b: float, first: NDArray[np.float64], second: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Means of (a + b chi_i) (a + b chi_j)."""
    return a * a + a * b * (first[:, None] + first) + b * b * second
