"""The distribution that masks are drawn from, and the moments that indices need of it."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from spex_data.errors import MaskError

Scheme = Literal["bernoulli", "stratified", "spex"]
SCHEMES: tuple[str, ...] = get_args(Scheme)


@dataclass(frozen=True)
class MaskDistribution:
    """How likely each mask is.

    `bernoulli`: every group is present with probability p, independently. `stratified`: the number of
    groups present is uniform on 0..n, and the groups are a uniform subset of that size (the weighting
    that the Shapley value has). `spex`: masks of a code, each of which by itself is uniform, so that
    backgrounds are those of `bernoulli` with p = 1/2.

    Attributes:
        scheme: "bernoulli", "stratified" or "spex".
        n_groups: Number of groups n.
        p: Probability that a group is present; for `stratified` it is 1/2 by symmetry, for `spex`
            it must be.
    """

    scheme: Scheme
    n_groups: int
    p: float = 0.5

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise MaskError(
                f"is {self.scheme!r}", where="masks.scheme", instead=f"write one of {', '.join(SCHEMES)}"
            )
        if not 0 < self.p < 1:
            raise MaskError(
                f"is {self.p}", where="masks.p", instead="write a probability between 0 and 1, such as 0.5"
            )
        if self.scheme == "spex" and self.p != 0.5:
            raise MaskError(
                f"is {self.p}, and in coded masks half of the groups are present",
                where="masks.p",
                instead="write 0.5, or masks.scheme: bernoulli",
            )
        if self.scheme == "stratified" and self.p != 0.5:
            object.__setattr__(self, "p", 0.5)

    @classmethod
    def estimated(cls, masks: ArrayLike) -> MaskDistribution:
        """The Bernoulli distribution whose p is the share of ones, for a table that does not say."""
        array = np.asarray(masks, dtype=np.float64)
        share = float(array.mean()) if array.size else 0.5
        return cls("bernoulli", array.shape[1], min(max(share, 1e-3), 1 - 1e-3))

    def parity_moment(self, order: int) -> float:
        """The mean of the parity chi_U(m) = (-1)^(sum of m_i, i in U) over masks, for |U| = `order`.

        Bernoulli and coded: (1 - 2p)^order. Stratified: the mean over sizes s of K_order(s) / C(n, order),
        where K is the Krawtchouk polynomial.

        Args:
            order: Size of U, 0 to n.

        Returns:
            A number in [-1, 1]; 1 for order 0.
        """
        if self.scheme != "stratified":
            return (1 - 2 * self.p) ** order
        n = self.n_groups
        return sum(_krawtchouk(n, order, size) for size in range(n + 1)) / ((n + 1) * comb(n, order))


def _krawtchouk(n: int, order: int, size: int) -> int:
    """Sum of (-1)^|U and S| over all U of the given order, for a fixed S of the given size."""
    return sum((-1) ** k * comb(size, k) * comb(n - size, order - k) for k in range(order + 1))
