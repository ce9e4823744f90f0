"""Kernel ridge regression on all sets up to an order, its decompositions shared by all targets, and a refit.

The kernel gives every set of one size the same prior variance, so it is the same for all targets: it is
decomposed once for each of a few ratios between the sizes, and ratio and penalty are each target's best by
leave-one-out. A ridge regression on the largest terms follows, and what predicts lies between the two, as far
as out-of-fold predictions say (like in `proxyspex`, whose trees this replaces).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding.basis import Basis, centred
from spex_data.decoding.folds import folds
from spex_data.decoding.gaussian.cube import term_sums
from spex_data.decoding.gaussian.fit import largest_order
from spex_data.decoding.gaussian.kernel import symmetric_polynomials, weighted_sum
from spex_data.decoding.problem import Problem
from spex_data.decoding.ridge import Factors, ridge, ridge_from_factors
from spex_data.decoding.support import singles_and_largest, support_fit
from spex_data.decoding.target_fit import TargetFit
from spex_data.decoding.uncertainty.crossfit import FoldFits, combined, kept_terms, largest_terms
from spex_data.spectra import FourierExpansion, Term, products

_FOLDS = 3
_RATIOS = (
    (1.0, 0.1, 0.01, 0.0, 0.0),
    (1.0, 0.3, 0.1, 0.03, 0.01),
    (1.0, 0.5, 0.2, 0.1, 0.05),
    (1.0, 0.7, 0.5, 0.3, 0.2),
    (1.0, 1.0, 1.0, 1.0, 1.0),
)
"""Prior variance that all sets of a size have together, for sizes 1 to 5."""
_MOST_ROWS = 1500
_REFIT_TERMS, _SHARE = 40, 0.2
"""Terms of two and more groups in the refit, at most, and at most as a share of the masks."""


@dataclass(frozen=True)
class Fast:
    """Settings of the preset for many targets.

    Attributes:
        max_order: Largest set; at most 5, and less where sets times targets would be more than 5 million.
        seed: Of the folds, and of the rows taken where there are more than 1,500.
        num_threads: Unused; linear algebra takes one.
    """

    max_order: int = 5
    seed: int = 0
    num_threads: int = 1

    def fit(self, problem: Problem) -> list[TargetFit]:
        """All targets together, but for the refit."""
        order = largest_order(problem.n_groups, self.max_order, problem.n_targets)
        groups = range(problem.n_groups)
        terms = tuple(term for size in range(1, order + 1) for term in combinations(groups, size))
        basis = centred(problem.distribution.p)
        means, scales = problem.values.mean(axis=0), problem.values.std(axis=0)
        values = (problem.values - means) / scales
        masked = _Masked(problem.n_groups, basis, basis.factors(problem.masks), terms, order, self.seed)
        whole = _smooth(masked.factors, values, terms, order, self.seed)
        fold_of = folds(problem.labels, _FOLDS, seed=self.seed)
        parts = [
            _left_out(masked, values, fold_of == fold, whole.ratios) for fold in range(fold_of.max() + 1)
        ]
        smooth, refitted = np.zeros_like(values), np.zeros_like(values)
        for fold, part in enumerate(parts):
            smooth[fold_of == fold], refitted[fold_of == fold] = part.smooth, part.refitted
        return [
            _with_folds(
                _target_fit(masked, whole, values, smooth[:, target], refitted[:, target], target),
                fold_of,
                [part.fits[target] for part in parts],
            ).rescaled(float(means[target]), float(scales[target]))
            for target in range(problem.n_targets)
        ]


@dataclass(frozen=True, eq=False)
class _Masked:
    """What all targets share: the factors float64[m, n_groups] of the basis, and the sets to be weighted."""

    n_groups: int
    basis: Basis
    factors: NDArray[np.float64]
    terms: tuple[Term, ...]
    order: int
    seed: int


_FoldFit = tuple[FourierExpansion, FourierExpansion]
"""The smooth fit and the refit without a fold."""


@dataclass(frozen=True, eq=False)
class _LeftOut:
    """What fits without a fold say of it, float64[rows, t] each, and the fits, one a target."""

    smooth: NDArray[np.float64]
    refitted: NDArray[np.float64]
    fits: tuple[_FoldFit, ...]


def _left_out(
    masked: _Masked, values: NDArray[np.float64], out: NDArray[np.bool_], ratios: Sequence[tuple[float, ...]]
) -> _LeftOut:
    """Both fits of every target on the other folds."""
    factors, terms, basis, n = masked.factors, masked.terms, masked.basis, masked.n_groups
    whole = _smooth(factors[~out], values[~out], terms, masked.order, masked.seed, ratios)
    refitted, fits = np.zeros((int(out.sum()), values.shape[1])), []
    most = kept_terms(values.shape[1])
    for target in range(values.shape[1]):
        found = whole.coefficients[:, target]
        chosen = singles_and_largest(terms, found, n, _refit_terms(int((~out).sum())))
        refit = ridge(products(factors[~out], chosen), values[~out][:, [target]])
        refitted[:, target] = refit.intercept[0] + products(factors[out], chosen) @ refit.coefficients[:, 0]
        fits.append(
            (
                largest_terms(n, basis, terms, float(whole.intercepts[target]), found, most),
                largest_terms(n, basis, chosen, float(refit.intercept[0]), refit.coefficients[:, 0], most),
            )
        )
    return _LeftOut(whole.predict(factors[out], terms), refitted, tuple(fits))


def _with_folds(fit: TargetFit, fold_of: NDArray[np.int64], parts: Sequence[_FoldFit]) -> TargetFit:
    weight = float(fit.settings["refit_weight"])
    blends = (combined([(1 - weight, smooth), (weight, refit)]) for smooth, refit in parts)
    return replace(fit, folds=FoldFits(fold_of, tuple(blends)))


@dataclass(frozen=True, eq=False)
class _Smooth:
    """Kernel ridge of all targets: intercepts float64[t], coefficients float64[k, t], the best ratios."""

    intercepts: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    ratios: tuple[tuple[float, ...], ...]

    def predict(self, factors: NDArray[np.float64], terms: Sequence[Term]) -> NDArray[np.float64]:
        predicted = np.tile(self.intercepts, (len(factors), 1))
        block = max(1, 4_000_000 // max(len(factors), 1))
        for start in range(0, len(terms), block):
            part = slice(start, start + block)
            predicted += products(factors, terms[part]) @ self.coefficients[part]
        return predicted


def _smooth(
    factors: NDArray[np.float64],
    values: NDArray[np.float64],
    terms: Sequence[Term],
    order: int,
    seed: int,
    ratios: Sequence[tuple[float, ...]] = _RATIOS,
) -> _Smooth:
    """Each target's best ratio and penalty, by leave-one-out."""
    count, n = factors.shape
    if count > _MOST_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(count, _MOST_ROWS, replace=False))
        factors, values = factors[rows], values[rows]
    parts = symmetric_polynomials(factors, factors, np.ones(n), order)[1:]
    n_targets = values.shape[1]
    least = np.full(n_targets, np.inf)
    weights, prior = np.zeros_like(values), np.zeros((order, n_targets))
    tried = list(dict.fromkeys(each[:order] for each in ratios))
    best = np.zeros(n_targets, dtype=np.int64)
    for place, ratio in enumerate(tried):
        levels = np.array([share / comb(n, size) for size, share in enumerate(ratio, start=1)])
        squares, vectors = _decomposed(weighted_sum(levels, parts))
        scales = np.sqrt(squares)
        own = Factors(np.zeros(len(scales)), vectors, scales, np.eye(len(scales)))
        fit = ridge_from_factors(own, values)
        error = (fit.loo_residuals**2).mean(axis=0)
        better = error < least
        least[better], best[better] = error[better], place
        prior[:, better] = levels[:, None]
        # on the columns left diag(scales) these are K^(1/2) (K + a)^-1 y; wanted is (K + a)^-1 y
        weights[:, better] = vectors @ (fit.coefficients[:, better] / scales[:, None])
    sizes = np.fromiter(map(len, terms), dtype=np.int64, count=len(terms))
    coefficients = term_sums(factors, weights, terms) * prior[sizes - 1]
    middles = term_sums(factors, np.full(len(factors), 1.0 / len(factors)), terms)
    used = tuple(tried[place] for place in np.unique(best))
    return _Smooth(values.mean(axis=0) - middles @ coefficients, coefficients, used)


def _decomposed(kernel: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Eigenvalues above rounding and their vectors, of the kernel with its rows and columns centred."""
    centre = kernel - kernel.mean(axis=0)
    centre -= centre.mean(axis=1, keepdims=True)
    squares, vectors = np.linalg.eigh(centre)
    kept = squares > 1e-10 * max(float(squares.max()), 1e-300)
    return squares[kept], vectors[:, kept]


def _refit_terms(n_masks: int) -> int:
    return min(_REFIT_TERMS, int(_SHARE * n_masks))


def _target_fit(
    masked: _Masked,
    whole: _Smooth,
    values: NDArray[np.float64],
    smooth: NDArray[np.float64],
    refitted: NDArray[np.float64],
    target: int,
) -> TargetFit:
    terms, factors, n = masked.terms, masked.factors, masked.n_groups
    mine, step = values[:, target], refitted - smooth
    weight = float(np.clip(step @ (mine - smooth) / max(float(step @ step), 1e-300), 0.0, 1.0))
    chosen = singles_and_largest(terms, whole.coefficients[:, target], n, _refit_terms(len(mine)))
    fit = ridge(products(factors, chosen), mine[:, None])
    coefficients = (1 - weight) * whole.coefficients[:, target]
    places = {term: place for place, term in enumerate(terms)}
    coefficients[[places[term] for term in chosen]] += weight * fit.coefficients[:, 0]
    intercept = (1 - weight) * whole.intercepts[target] + weight * fit.intercept[0]
    guesses = {"smooth": smooth, "refit": refitted, "fast": smooth + weight * step}
    scores = {name: float(1 - ((mine - guess) ** 2).mean()) for name, guess in guesses.items()}
    return TargetFit(
        masked.basis.to_fourier(n, ((), *terms), np.concatenate([[intercept], coefficients])),
        support_fit(n, chosen, fit, 0, masked.basis),
        cv_r2=scores["fast"],
        scores=scores,
        settings={"refit_weight": weight, "refit_terms": len(chosen)},
        out_of_fold=guesses["fast"],
    )
