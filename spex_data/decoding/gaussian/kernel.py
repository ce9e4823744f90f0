"""The kernel of a Gaussian prior over the coefficients of all sets up to an order.

With x_i = r_i z_i z'_i, the kernel of independent coefficients c(S) of variance w_|S| prod of r_i (i in S) is

    K(m, m') = sum over k of w_k e_k(x_1, ..., x_n),

e_k the elementary symmetric polynomials, which Newton's identities give from the power sums, one matrix
product each. So all sets up to order d cost d matrix products, however many they are (Agrawal et al. 2019,
"The kernel interaction trick").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Scales:
    """What the prior's variances are made of.

    Attributes:
        rates: float64[n_groups], r_i >= 0; 0 leaves a group out.
        levels: float64[d], w_1 to w_d.
    """

    rates: NDArray[np.float64]
    levels: NDArray[np.float64]


def symmetric_polynomials(
    left: NDArray[np.float64], right: NDArray[np.float64], rates: NDArray[np.float64], order: int
) -> list[NDArray[np.float64]]:
    """e_0 to e_order of x_i = r_i z_i z'_i, by k e_k = sum over i = 1..k of (-1)^(i-1) e_(k-i) p_i.

    Args:
        left: float64[m, n_groups], the factors z of some masks.
        right: float64[q, n_groups], z' of others.
        rates: float64[n_groups], r.
        order: Of the last polynomial.

    Returns:
        order + 1 arrays float64[m, q].
    """
    sums = [(left * rates) ** power @ (right**power).T for power in range(1, order + 1)]
    found = [np.ones((len(left), len(right)))]
    for k in range(1, order + 1):
        total = sums[0] * found[k - 1]
        for i in range(2, k + 1):
            total += (-1.0) ** (i - 1) * sums[i - 1] * found[k - i]
        found.append(total / k)
    return found


def kernel(left: NDArray[np.float64], right: NDArray[np.float64], scales: Scales) -> NDArray[np.float64]:
    """K without its constant: float64[m, q]."""
    polynomials = symmetric_polynomials(left, right, scales.rates, len(scales.levels))
    return weighted_sum(scales.levels, polynomials[1:])


def rate_slopes(
    weights: NDArray[np.float64],
    factors: NDArray[np.float64],
    scales: Scales,
    polynomials: Sequence[NDArray[np.float64]],
) -> NDArray[np.float64]:
    """The derivatives of sum over m, m' of W(m, m') K(m, m') by the rates.

    de_k / dr_i = z_i z'_i e_(k-1) without x_i, and e_k without x_i = e_k - x_i (e_(k-1) without x_i).

    Args:
        weights: float64[m, m], W.
        factors: float64[m, n_groups], z.
        scales: Of K.
        polynomials: e_0 to e_d of these factors.

    Returns:
        float64[n_groups].
    """
    order = len(scales.levels)
    slopes = np.zeros(len(scales.rates))
    for i in range(order):
        inner = weighted_sum(scales.levels[i:], polynomials[: order - i])
        powers = factors ** (i + 1)
        slopes += (-scales.rates) ** i * np.einsum("mi,mi->i", (weights * inner) @ powers, powers)
    return slopes


def weighted_sum(weights: NDArray[np.float64], parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Sum of w_k parts_k."""
    total = weights[0] * parts[0]
    for weight, part in zip(weights[1:], parts[1:], strict=True):
        total += weight * part
    return total
