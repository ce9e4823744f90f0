"""Products of a factor a + b chi_i for each group, the bases that fits are made in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spex_data.spectra import FourierExpansion, ParityMoment, Term, products, superset_sums


@dataclass(frozen=True)
class Basis:
    """z_S(m) = product over i in S of (a + b chi_i(m)).

    Attributes:
        offset: a.
        slope: b, not 0.
    """

    offset: float
    slope: float

    def factors(self, masks: ArrayLike) -> NDArray[np.float64]:
        """float64[m, n_groups], a + b chi_i(m)."""
        return self.offset + self.slope * (1.0 - 2.0 * np.asarray(masks, dtype=np.float64))

    def columns(self, masks: ArrayLike, terms: Sequence[Term]) -> NDArray[np.float64]:
        """float64[m, k], z_S of each mask for k sets S."""
        return products(self.factors(masks), terms)

    def to_fourier(
        self, n_groups: int, terms: Sequence[Term], coefficients: NDArray[np.float64]
    ) -> FourierExpansion:
        """F(S) = b^|S| sum over T containing S of a^(|T| - |S|) c(T), exactly.

        Args:
            n_groups: Number of groups.
            terms: k sets T, no two alike.
            coefficients: float64[k], c(T).
        """
        sets, sums = superset_sums(
            terms, coefficients, lambda size, order: self.slope**size * self.offset ** (order - size)
        )
        return FourierExpansion(n_groups, sets, sums)

    def mean_derivative(self, size: int, order: int, parity_moment: ParityMoment) -> float:
        """The mean of D_S z_T over backgrounds, S within T: (-2b)^|S| E[z of T without S].

        Args:
            size: |S|.
            order: |T|.
            parity_moment: |U| -> E[chi_U].
        """
        rest = order - size
        moment = sum(
            comb(rest, k) * self.slope**k * self.offset ** (rest - k) * parity_moment(k)
            for k in range(rest + 1)
        )
        return (-2.0 * self.slope) ** size * moment


PARITY = Basis(0.0, 1.0)
PRESENT = Basis(0.5, -0.5)
"""1 where every group of S is present: AND."""
ABSENT = Basis(0.5, 0.5)
"""1 where every group of S is absent; with the constant it makes OR."""


def centred(p: float) -> Basis:
    """(m_i - p) / sqrt(p (1 - p)), uncorrelated and of unit variance where p is how often groups are present.

    A mean discrete derivative is then a single coefficient, I(S) = c(S) / (p (1 - p))^(|S| / 2), at any p.

    Args:
        p: In (0, 1).
    """
    spread = float(np.sqrt(p * (1 - p)))
    return Basis((0.5 - p) / spread, -0.5 / spread)
