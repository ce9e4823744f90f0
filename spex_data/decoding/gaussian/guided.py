"""A Gaussian process over masks with one more part: a linear function of what else is known of a mask."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from spex_data.decoding.gaussian.evidence import CONSTANT, Evidence, unpacked
from spex_data.decoding.gaussian.fit import Posterior, some_rows
from spex_data.decoding.gaussian.kernel import kernel

_ITERATIONS, _WARM_ITERATIONS = 10, 4
_TUNED_ROWS = 300
_QUIETER = 3.0
"""By how much less the log variance of what is known is, where the search starts from sets alone."""


@dataclass(frozen=True, eq=False)
class GuidedFit:
    """A process fitted to values of mean 0 and unit variance.

    Attributes:
        posterior: Of the coefficients of sets.
        slopes: float64[k], posterior means of those of what else is known.
        logs: float64[n_groups + order + 2], log scales, that of what is known last.
        noise: Variance.
    """

    posterior: Posterior
    slopes: NDArray[np.float64]
    logs: NDArray[np.float64]
    noise: float


def fit_guided(
    factors: NDArray[np.float64],
    known: NDArray[np.float64],
    values: NDArray[np.float64],
    order: int,
    rng: np.random.Generator,
    *,
    centre: float,
    like: GuidedFit | None = None,
) -> GuidedFit:
    """Chooses scales by the evidence, and solves.

    The values are a sum over sets as in `gaussian.fit`, plus known b, b normal of variance w / k in each of
    its k entries; w is a scale like the others. What is known may explain so much that no set is looked for
    beside it, and sets so much that nothing else is listened to: the search starts from both, and the end
    that predicts each row best from the others is taken.

    Args:
        factors: float64[m, n_groups].
        known: float64[m, k], columns of about unit variance.
        values: float64[m], of mean 0 and unit variance.
        order: Largest set with a coefficient.
        rng: Draws the rows that scales are chosen on where there are more than 300.
        centre: Of the prior of log w.
        like: A fit on nearly the same rows, to start from.
    """
    rows = some_rows(len(values), _TUNED_ROWS, rng)
    width = known.shape[1]
    plain = Evidence(factors[rows], values[rows], order, np.ones(len(rows)))
    evidence = replace(plain, known=known[rows] @ known[rows].T / width, known_centre=centre)
    if like is not None:
        settled = len(values) >= _TUNED_ROWS
        logs = like.logs if settled else evidence.maximise(like.logs, _WARM_ITERATIONS)
        return _solved(factors, known, values, order, logs)[0]
    alone = np.append(plain.maximise(plain.centre, _ITERATIONS), centre - _QUIETER)
    ends = [evidence.maximise(start, _ITERATIONS) for start in (evidence.centre, alone)]
    return min((_solved(factors, known, values, order, logs) for logs in ends), key=lambda end: end[1])[0]


def _solved(
    factors: NDArray[np.float64],
    known: NDArray[np.float64],
    values: NDArray[np.float64],
    order: int,
    logs: NDArray[np.float64],
) -> tuple[GuidedFit, float]:
    """The fit of given scales, and its mean squared leave-one-out residual."""
    scales, noise = unpacked(logs[:-1], order)
    weight = float(np.exp(logs[-1])) / known.shape[1]
    covariance = kernel(factors, factors, scales) + CONSTANT + weight * (known @ known.T)
    covariance[np.diag_indices(len(values))] += noise
    inverse = cho_solve(cho_factor(covariance, lower=True), np.eye(len(values)))
    weights = inverse @ values
    residuals = weights / np.diag(inverse)
    fit = GuidedFit(Posterior(factors, scales, weights), weight * (known.T @ weights), logs, noise)
    return fit, float((residuals**2).mean())
