"""Ridge regression with a free intercept, its penalty chosen by leave-one-out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_PENALTIES = np.concatenate([[0.0], np.logspace(-6, 2, 17)])
"""Candidates, in units of the number of masks; 0 is least squares of the smallest norm."""


@dataclass(frozen=True)
class RidgeFit:
    """y = intercept + columns @ coefficients, for t targets at once.

    Attributes:
        intercept: float64[t].
        coefficients: float64[k, t].
        penalty: float64[t], the penalty chosen for each target.
        loo_residuals: float64[m, t], y less the prediction of the fit without that row.
        freedom: float64[t], effective number of coefficients, the intercept included.
    """

    intercept: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    penalty: NDArray[np.float64]
    loo_residuals: NDArray[np.float64]
    freedom: NDArray[np.float64]


@dataclass(frozen=True)
class Factors:
    """Centred columns as left diag(scales) right', without their null space.

    Attributes:
        means: float64[k], of the columns.
        left: float64[m, r], orthonormal.
        scales: float64[r], singular values.
        right: float64[k, r], orthonormal.
    """

    means: NDArray[np.float64]
    left: NDArray[np.float64]
    scales: NDArray[np.float64]
    right: NDArray[np.float64]


def factorise(columns: NDArray[np.float64]) -> Factors:
    """Singular value decomposition of the centred columns, by way of the smaller Gram matrix.

    Args:
        columns: float64[m, k].
    """
    means = columns.mean(axis=0)
    centred = columns - means
    tall = centred.shape[0] >= centred.shape[1]
    squares, vectors = np.linalg.eigh(centred.T @ centred if tall else centred @ centred.T)
    kept = squares > 1e-10 * max(squares.max(initial=0.0), 1e-300)
    scales, vectors = np.sqrt(squares[kept]), vectors[:, kept]
    other = (centred if tall else centred.T) @ (vectors / scales)
    return Factors(means, other, scales, vectors) if tall else Factors(means, vectors, scales, other)


def ridge(columns: NDArray[np.float64], values: NDArray[np.float64]) -> RidgeFit:
    """Fits values on columns; the intercept is not penalised, the penalty is each target's best.

    The penalty a minimises the mean squared leave-one-out residual r_i / (1 - h_i), h the leverages of
    the fit with its intercept. One decomposition serves all penalties and targets.

    Args:
        columns: float64[m, k].
        values: float64[m, t].

    Returns:
        A RidgeFit.
    """
    return ridge_from_factors(factorise(columns), values)


def ridge_from_factors(factors: Factors, values: NDArray[np.float64]) -> RidgeFit:
    """`ridge` for columns that are already decomposed."""
    count, n_targets = values.shape
    means = values.mean(axis=0)
    centred = values - means
    projected, energies, squares = factors.left.T @ centred, factors.left**2, factors.scales**2
    best = np.full(n_targets, np.inf)
    penalty, freedom = np.full(n_targets, np.inf), np.ones(n_targets)
    residuals = centred * count / (count - 1.0)
    for candidate in _PENALTIES * count:
        shrink = squares / (squares + candidate)
        left_over = 1.0 - energies @ shrink - 1.0 / count
        if left_over.min(initial=1.0) < 1e-7:  # a row that is fitted exactly says nothing of the error
            continue
        trial = (centred - factors.left @ (shrink[:, None] * projected)) / left_over[:, None]
        error = (trial**2).mean(axis=0)
        better = error < best
        best[better], penalty[better], freedom[better] = error[better], candidate, 1.0 + shrink.sum()
        residuals[:, better] = trial[:, better]
    weights = factors.scales[:, None] / (squares[:, None] + penalty)
    coefficients = factors.right @ (weights * projected)
    intercept = means - factors.means @ coefficients
    return RidgeFit(intercept, coefficients, penalty, residuals, freedom)


def coefficient_spread(
    factors: Factors, penalty: float, loo_residuals: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A factor G of the HC3 covariance of ridge coefficients, Cov = G G'.

    With B = (X'X + a)^-1 X' and leave-one-out residuals e, Cov = B diag(e^2) B' (MacKinnon and White
    1985, HC3, with ridge's leverages).

    Args:
        factors: Of the columns X.
        penalty: a.
        loo_residuals: float64[m], e.

    Returns:
        float64[k, m].
    """
    shrink = factors.scales / (factors.scales**2 + penalty)
    return (factors.right * shrink) @ (factors.left * loo_residuals[:, None]).T
