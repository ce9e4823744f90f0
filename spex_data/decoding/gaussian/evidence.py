"""Choosing the scales of a Gaussian prior by the evidence of the values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.optimize import minimize

from spex_data.decoding.gaussian.kernel import Scales, rate_slopes, symmetric_polynomials, weighted_sum

CONSTANT = 10.0
"""Prior variance of the intercept, for values of unit variance: next to free."""
SHARES = (0.6, 0.3, 0.15, 0.1, 0.05)
"""Prior variance that all sets of one size have together, for sizes 1 to 5."""
_NOISE = 0.3
_RATE, _TOGETHER = 0.3, 4.5
"""A rate where there are few groups; where there are many, what the rates add up to."""
_RATE_SPREAD, _RATE_FREEDOM = 0.5, 2.0
"""Log rates are Student's about their centre: most are held together, and a few may stand out."""
_LEVEL_SPREAD, _NOISE_SPREAD = 1.0, 0.7
"""Deviations of log levels and log noise, which are normal: noise that may vanish follows every accident."""
_KNOWN_SPREAD = 2.0
"""Of the log variance of what else is known."""
_REACH = 8.0
"""Log scales stay this near to the prior's centre."""


@dataclass(frozen=True)
class Evidence:
    """Values and masks whose marginal likelihood is sought.

    Attributes:
        factors: float64[m, n_groups].
        values: float64[m], of about unit variance.
        order: Largest set with a coefficient.
        noise_shape: float64[m], each row's noise variance in units of the common one.
        known: float64[m, m], inner products of what else is known of the masks, whose linear functions are a
            part of the values with a variance of its own; None if nothing is.
        known_centre: Centre of the prior of the log of that variance.
    """

    factors: NDArray[np.float64]
    values: NDArray[np.float64]
    order: int
    noise_shape: NDArray[np.float64]
    known: NDArray[np.float64] | None = None
    known_centre: float = 0.0

    @cached_property
    def centre(self) -> NDArray[np.float64]:
        """The prior's centre: log rates, log levels, log noise; float64[n_groups + order + 1].

        With something else known, the log of its variance comes last.

        Levels are such that the sets of each size share what SHARES gives them, however many they are.
        """
        n = self.factors.shape[1]
        rate = min(_RATE, _TOGETHER / n)
        levels = [SHARES[k - 1] / (comb(n, k) * rate**k) for k in range(1, self.order + 1)]
        centre = np.log(np.concatenate([np.full(n, rate), levels, [_NOISE]]))
        return centre if self.known is None else np.append(centre, self.known_centre)

    def maximise(self, start: NDArray[np.float64], iterations: int) -> NDArray[np.float64]:
        """Log scales of the largest posterior density near `start`."""
        found = minimize(
            self.cost,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=[(each - _REACH, each + _REACH) for each in self.centre],
            options={"maxiter": iterations},
        )
        return np.asarray(found.x)

    def cost(self, logs: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Minus the log posterior density of the scales, up to a constant, and its gradient.

        Args:
            logs: As `centre`.
        """
        scales, noise = unpacked(logs if self.known is None else logs[:-1], self.order)
        parts = symmetric_polynomials(self.factors, self.factors, scales.rates, self.order)
        covariance = weighted_sum(scales.levels, parts[1:]) + CONSTANT
        covariance[np.diag_indices(len(covariance))] += noise * self.noise_shape
        if self.known is not None:
            covariance += np.exp(logs[-1]) * self.known
        factor, failed = lapack.dpotrf(covariance, lower=1)
        if failed:
            return 1e10, np.zeros_like(logs)
        weights, _ = lapack.dpotrs(factor, self.values, lower=1)
        inverse, _ = lapack.dpotri(factor, lower=1)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        cost = 0.5 * float(self.values @ weights) + float(np.log(np.diag(factor)).sum())
        outer = np.outer(weights, weights) - inverse
        slopes = np.concatenate(
            [
                rate_slopes(outer, self.factors, scales, parts) * scales.rates,
                [level * float(np.vdot(outer, part)) for level, part in zip(scales.levels, parts[1:])],
                [noise * float(np.diag(outer) @ self.noise_shape)],
                [] if self.known is None else [np.exp(logs[-1]) * float(np.vdot(outer, self.known))],
            ]
        )
        price, push = self._prior(logs - self.centre)
        return cost + price, push - 0.5 * slopes

    def _prior(self, offset: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Minus the log prior density of log scales so far from their centre, and its gradient."""
        n = self.factors.shape[1]
        rates, others = offset[:n] / _RATE_SPREAD, offset[n:]
        spread = np.array(
            [_LEVEL_SPREAD] * self.order + [_NOISE_SPREAD] + [_KNOWN_SPREAD] * (len(others) - self.order - 1)
        )
        nu = _RATE_FREEDOM
        price = 0.5 * (nu + 1) * np.log1p(rates**2 / nu).sum() + 0.5 * ((others / spread) ** 2).sum()
        push = np.concatenate([(nu + 1) * rates / (nu + rates**2) / _RATE_SPREAD, others / spread**2])
        return float(price), push


def unpacked(logs: NDArray[np.float64], order: int) -> tuple[Scales, float]:
    """(scales, noise variance) of log scales as `Evidence.cost` takes them."""
    values = np.exp(logs)
    return Scales(values[: -order - 1], values[-order - 1 : -1]), float(values[-1])
