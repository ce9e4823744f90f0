"""One Gaussian process: scales by the evidence, then everything else in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from spex_data.decoding.gaussian.cube import term_sums
from spex_data.decoding.gaussian.evidence import CONSTANT, SHARES, Evidence, unpacked
from spex_data.decoding.gaussian.kernel import Scales, kernel
from spex_data.decoding.gaussian.support import prior_variances
from spex_data.spectra import Term

_ITERATIONS, _WARM_ITERATIONS = 8, 5
"""Eight steps predict as well as forty do."""
_SETTLED_ROWS = 300
"""From so many rows on, scales are chosen once for all folds: a fold hardly moves them."""
_TUNED_ROWS = 300
"""Rows that the scales are chosen on; the evidence costs their number cubed."""
SOLVED_ROWS = 4000
"""Rows that are solved for, at most."""
_MOST_TERMS, _MOST_NUMBERS = 50_000, 5_000_000
"""Sets that have a coefficient, and sets times targets, at most."""
_TAILS, _NU, _REWEIGHTED = 6.0, 4.0, 5
"""Kurtosis of leave-one-out residuals beyond which noise is Student's, its degrees of freedom, and steps."""
_TYPICAL, _SQUARED = 0.5, 1.3
"""Shares of a normal fit's errors below which a Student fit's must be for its noise to be believed."""
_BLOCK_NUMBERS = 4_000_000


def largest_order(n_groups: int, max_order: int, n_targets: int = 1) -> int:
    """The largest set that is given a coefficient: 5, or less where sets would be too many to keep."""
    order, most = min(max_order, len(SHARES), n_groups), min(_MOST_TERMS, _MOST_NUMBERS // n_targets)
    while order > 1 and sum(comb(n_groups, size) for size in range(1, order + 1)) > most:
        order -= 1
    return order


@dataclass(frozen=True, eq=False)
class Posterior:
    """What some rows say of every mask and of every coefficient.

    Attributes:
        factors: float64[m, n_groups], of their masks.
        scales: Of the prior.
        weights: float64[m], (K + noise)^-1 y.
    """

    factors: NDArray[np.float64]
    scales: Scales
    weights: NDArray[np.float64]

    @property
    def intercept(self) -> float:
        """Posterior mean of the coefficient of ()."""
        return CONSTANT * float(self.weights.sum())

    def predict(self, factors: NDArray[np.float64]) -> NDArray[np.float64]:
        """The posterior mean, float64[q], at masks of factors float64[q, n_groups]."""
        block = max(1, _BLOCK_NUMBERS // len(self.factors))
        parts = [
            (kernel(factors[start : start + block], self.factors, self.scales) + CONSTANT) @ self.weights
            for start in range(0, len(factors), block)
        ]
        return np.concatenate(parts)

    def coefficients(self, terms: Sequence[Term]) -> NDArray[np.float64]:
        """Posterior means of the coefficients of sets, () not among them: float64[k]."""
        return prior_variances(terms, self.scales) * term_sums(self.factors, self.weights, terms)


@dataclass(frozen=True, eq=False)
class GpFit:
    """A process fitted to values of mean 0 and unit variance.

    Attributes:
        posterior: What all rows say.
        noise: float64[m], noise variance of each row.
        loo_means: float64[m], what all other rows say of a row.
        loo_variances: float64[m], its variance, noise included.
        precision: float64[m, m], (K + noise)^-1.
        logs: float64[n_groups + order + 1], the log scales, to start a similar fit from.
    """

    posterior: Posterior
    noise: NDArray[np.float64]
    loo_means: NDArray[np.float64]
    loo_variances: NDArray[np.float64]
    precision: NDArray[np.float64]
    logs: NDArray[np.float64]


def fit_gp(
    factors: NDArray[np.float64],
    values: NDArray[np.float64],
    order: int,
    rng: np.random.Generator,
    like: GpFit | None = None,
    shape: NDArray[np.float64] | None = None,
) -> GpFit:
    """Chooses scales by the evidence, and solves.

    Args:
        factors: float64[m, n_groups].
        values: float64[m], of mean 0 and unit variance.
        order: Largest set with a coefficient.
        rng: Draws the rows that scales are chosen on where there are more than 300.
        like: A fit on nearly the same rows, from which a few steps suffice where the shape is given.
        shape: float64[m], each row's noise in units of the common one; if None it is 1, or where residuals
            have heavy tails that of Student noise, if wild values explain them.
    """
    tuned = some_rows(len(values), _TUNED_ROWS, rng)

    def tune(
        given: NDArray[np.float64], shape: NDArray[np.float64], start: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        evidence = Evidence(factors[tuned], given[tuned], order, shape[tuned])
        if start is None:
            return evidence.maximise(evidence.centre, _ITERATIONS)
        return evidence.maximise(start, _WARM_ITERATIONS)

    if like is not None and shape is not None:
        return _solved(factors, values, order, tune(values, shape, like.logs), shape)
    even = np.ones(len(values))
    plain = _solved(factors, values, order, tune(values, even, None), even)
    if shape is not None or not _has_tails(plain, values):
        return plain
    # wild values must not choose the scales by which they are told
    logs = tune(_without_tails(values), even, None)
    shape = _noise_shape(factors, values, *unpacked(logs, order))
    robust = _solved(factors, values, order, tune(values, shape, logs), shape)
    return robust if _tells_wild_values(robust, plain, values) else plain


def _solved(
    factors: NDArray[np.float64],
    values: NDArray[np.float64],
    order: int,
    logs: NDArray[np.float64],
    shape: NDArray[np.float64],
) -> GpFit:
    scales, noise = unpacked(logs, order)
    inverse = _inverse(kernel(factors, factors, scales) + CONSTANT + np.diag(noise * shape))
    weights, precisions = inverse @ values, np.diag(inverse)
    return GpFit(
        posterior=Posterior(factors, scales, weights),
        noise=noise * shape,
        loo_means=values - weights / precisions,
        loo_variances=1.0 / precisions,
        precision=inverse,
        logs=logs,
    )


def without_folds(
    fit: GpFit, values: NDArray[np.float64], fold_of: NDArray[np.int64], order: int, rng: np.random.Generator
) -> tuple[Posterior, ...]:
    """What the rows outside each fold say, with the noise's shape of all rows.

    With few rows the scales take a few steps of their own without each fold. With many they are those of all
    rows, and then nothing is solved anew: with P the precision and a = P y, the weights without fold F are
    a - P_F P_FF^-1 a_F (Rasmussen and Williams 2006, section 5.4.2, by blocks).

    Args:
        fit: Of all rows.
        values: float64[m], that it was fitted to.
        fold_of: int64[m], 0 to the number of folds less 1.
        order: Largest set with a coefficient.
        rng: As for `fit_gp`.
    """
    whole, shape = fit.posterior, fit.noise / np.exp(fit.logs[-1])
    found = []
    for fold in range(int(fold_of.max()) + 1):
        out = fold_of == fold
        inside = ~out
        if len(values) < _SETTLED_ROWS:
            part = fit_gp(whole.factors[inside], values[inside], order, rng, fit, shape[inside])
            found.append(part.posterior)
        else:
            own = np.linalg.solve(fit.precision[np.ix_(out, out)], whole.weights[out])
            weights = whole.weights[inside] - fit.precision[np.ix_(inside, out)] @ own
            found.append(Posterior(whole.factors[inside], whole.scales, weights))
    return tuple(found)


def some_rows(count: int, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """All rows, or so many of them by chance, in order."""
    rows = np.arange(count)
    return rows if count <= most else np.sort(rng.choice(rows, most, replace=False))


def _has_tails(fit: GpFit, values: NDArray[np.float64]) -> bool:
    """Whether leave-one-out residuals have tails that normal noise has not."""
    loo = (values - fit.loo_means) / np.sqrt(fit.loo_variances)
    return bool((loo**4).mean() > _TAILS * (loo**2).mean() ** 2)


def _tells_wild_values(robust: GpFit, plain: GpFit, values: NDArray[np.float64]) -> bool:
    """Whether tails are wild values, which spoil a fit that believes them, rather than what the masks do.

    Without wild values to follow, most rows are predicted far better by the others; but a fit that does not
    believe what the masks do is far worse in the tails.
    """
    errors = [values - fit.loo_means for fit in (robust, plain)]
    typical = [float(np.median(np.abs(error))) for error in errors]
    squared = [float((error**2).mean()) for error in errors]
    return typical[0] < _TYPICAL * typical[1] and squared[0] < _SQUARED * squared[1]


def _without_tails(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values drawn in to three times the distance of the quartiles beyond these."""
    low, high = np.quantile(values, [0.25, 0.75])
    reach = 3.0 * (high - low)
    return np.clip(values, low - reach, high + reach) if reach > 0 else values


def _noise_shape(
    factors: NDArray[np.float64], values: NDArray[np.float64], scales: Scales, noise: float
) -> NDArray[np.float64]:
    """Each row's noise in units of the common one, (nu + e^2 / noise) / (nu + 1) as for Student noise.

    e^2 is what a row's squared leave-one-out residual has beyond the uncertainty of the other rows' word: a
    process with sets of every size can explain any row by itself, so its own residual shows no wild value.
    """
    shape = np.ones(len(values))
    signal = kernel(factors, factors, scales) + CONSTANT
    for _ in range(_REWEIGHTED):
        inverse = _inverse(signal + np.diag(noise * shape))
        precisions = np.diag(inverse)
        unknown = 1.0 / precisions - noise * shape
        squares = np.maximum((inverse @ values / precisions) ** 2 - unknown, 0.0)
        shape = (_NU + squares / noise) / (_NU + 1.0)
    return shape


def _inverse(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of a positive definite matrix, by its Cholesky factor."""
    factor, failed = lapack.dpotrf(covariance, lower=1)
    if failed:
        raise np.linalg.LinAlgError("the covariance is not positive definite")
    inverse, _ = lapack.dpotri(factor, lower=1)
    return np.asarray(np.tril(inverse) + np.tril(inverse, -1).T)
