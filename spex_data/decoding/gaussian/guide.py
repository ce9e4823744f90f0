"""What a surrogate says of a target, as an expansion that knows which groups matter to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding.gaussian.cube import term_sums
from spex_data.decoding.gaussian.fit import fit_gp
from spex_data.decoding.gaussian.kernel import Scales, kernel
from spex_data.decoding.gaussian.support import prior_variances
from spex_data.spectra import Term


@dataclass(frozen=True, eq=False)
class Guide:
    """The readings of one target as expansions, of unit variance over the masks they were told from.

    Attributes:
        factors: float64[q, n_groups], of these masks.
        scales: Of the prior over coefficients, common to the readings.
        weights: float64[q, k], of the masks in each reading.
        fidelity: float64[k], R2 of each expansion on masks it has not seen (leave-one-out).
    """

    factors: NDArray[np.float64]
    scales: Scales
    weights: NDArray[np.float64]
    fidelity: NDArray[np.float64]

    def rows(self, factors: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[m, k], the readings of masks of factors float64[m, n_groups], constants apart."""
        return kernel(factors, self.factors, self.scales) @ self.weights

    def coefficients(self, terms: Sequence[Term]) -> NDArray[np.float64]:
        """float64[terms, k], of sets, () not among them."""
        prior = prior_variances(terms, self.scales)
        return np.asarray(prior[:, None] * term_sums(self.factors, self.weights, terms))


def guide(
    factors: NDArray[np.float64], readings: NDArray[np.float64], order: int, rng: np.random.Generator
) -> Guide:
    """Expands the readings of one target.

    The scales are those by which the most usual reading is most likely, the one that resembles the others
    most: which groups matter is the same at all times of a simulated training. Simulated values have no
    noise; what the process takes for it are sets beyond `order`.

    Args:
        factors: float64[q, n_groups], of the simulated masks.
        readings: float64[q, k].
        order: Largest set with a coefficient.
        rng: Draws the rows that scales are chosen on.
    """
    middle, spread = readings.mean(axis=0), readings.std(axis=0)
    moving = spread > 1e-9 * np.maximum(np.abs(readings).max(axis=0), 1e-300)
    scaled = np.where(moving, readings - middle, 0.0) / np.where(moving, spread, 1.0)
    usual = int(np.abs(scaled.T @ scaled).sum(axis=0).argmax())
    fit = fit_gp(factors, scaled[:, usual], order, rng, shape=np.ones(len(factors)))
    weights = fit.precision @ scaled
    errors = weights / np.diag(fit.precision)[:, None]
    return Guide(factors, fit.posterior.scales, weights, 1.0 - (errors**2).mean(axis=0))
