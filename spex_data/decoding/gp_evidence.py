"""Choosing the scales of a Gaussian prior by the evidence of the values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.optimize import minimize

from spex_data.decoding.gp_kernel import Scales, rate_slopes, symmetric_polynomials, weighted_sum

_RATE, _LEVEL, _NOISE = (np.log(0.05), 0.6), (-0.5, 1.0), (np.log(0.4), 0.7)
"""Log-normal priors (mean, deviation) of each rate, level and the noise, for values of unit variance.

Rates that may differ freely, or noise that may vanish, follow every accident of few masks.
"""
CONSTANT = 10.0
"""Prior variance of the intercept, for values of unit variance: next to free."""
_BOUNDS = (-9.0, 3.0)


@dataclass(frozen=True)
class Evidence:
    """Values and masks whose marginal likelihood is sought.

    Attributes:
        factors: float64[m, n_groups].
        values: float64[m], of about unit variance.
        order: Largest set with a coefficient.
        noise_shape: float64[m], each row's noise variance in units of the common one.
    """

    factors: NDArray[np.float64]
    values: NDArray[np.float64]
    order: int
    noise_shape: NDArray[np.float64]

    def start(self) -> NDArray[np.float64]:
        """The prior's centre: log rates, log levels, log noise."""
        n = self.factors.shape[1]
        return np.concatenate([np.full(n, _RATE[0]), np.full(self.order, _LEVEL[0]), [_NOISE[0]]])

    def maximise(self, start: NDArray[np.float64], iterations: int) -> NDArray[np.float64]:
        """Log scales of the largest posterior density near `start`."""
        found = minimize(
            self.cost,
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=[_BOUNDS] * len(start),
            options={"maxiter": iterations},
        )
        return np.asarray(found.x)

    def cost(self, logs: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Minus the log posterior density of the scales, up to a constant, and its gradient.

        Args:
            logs: float64[n_groups + order + 1], log rates, log levels, log noise.
        """
        scales, noise = unpacked(logs, self.order)
        parts = symmetric_polynomials(self.factors, self.factors, scales.rates, self.order)
        covariance = weighted_sum(scales.levels, parts[1:]) + CONSTANT
        covariance[np.diag_indices(len(covariance))] += noise * self.noise_shape
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
            ]
        )
        centre, spread = self._prior()
        offset = (logs - centre) / spread
        return cost + 0.5 * float(offset @ offset), -0.5 * slopes + offset / spread

    def _prior(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        n = self.factors.shape[1]
        rows = np.array([_RATE] * n + [_LEVEL] * self.order + [_NOISE])
        return rows[:, 0], rows[:, 1]


def unpacked(logs: NDArray[np.float64], order: int) -> tuple[Scales, float]:
    """(scales, noise variance) of log scales as `Evidence.cost` takes them."""
    values = np.exp(logs)
    return Scales(values[: -order - 1], values[-order - 1 : -1]), float(values[-1])
