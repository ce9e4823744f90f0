"""A Gaussian process over masks with one more part: a linear function of what else is known of a mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from spex_data.decoding.gaussian.evidence import CONSTANT, Evidence, unpacked
from spex_data.decoding.gaussian.fit import Posterior, some_rows
from spex_data.decoding.gaussian.kernel import kernel

_ITERATIONS, _WARM_ITERATIONS = 10, 4
_TUNED_ROWS = 300


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
    its k entries; w is a scale like the others.

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
    evidence = Evidence(
        factors[rows], values[rows], order, np.ones(len(rows)), known[rows] @ known[rows].T / width, centre
    )
    start = evidence.centre if like is None else like.logs
    settled = like is not None and len(values) >= _TUNED_ROWS
    steps = _ITERATIONS if like is None else _WARM_ITERATIONS
    logs = start if settled else evidence.maximise(start, steps)
    scales, noise = unpacked(logs[:-1], order)
    weight = float(np.exp(logs[-1])) / width
    covariance = kernel(factors, factors, scales) + CONSTANT + weight * (known @ known.T)
    covariance[np.diag_indices(len(values))] += noise
    found = cho_solve(cho_factor(covariance, lower=True), values)
    return GuidedFit(Posterior(factors, scales, found), weight * (known.T @ found), logs, noise)
