"""The expansion of low order that is nearest to a function of masks, however it is computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import lsqr

from spex_data.decoding.basis import Basis
from spex_data.decoding.gaussian.cube import codes_of
from spex_data.spectra import Term, products

MaskFunction = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Factors float64[q, n_groups] of some masks -> float64[q]."""

_ROWS_PER_TERM, _LEAST_ROWS, _CHECKED_ROWS = 4, 1000, 1000
_STEPS = 40
"""Of conjugate gradients; the columns are nearly orthogonal."""


@dataclass(frozen=True, eq=False)
class Projection:
    """A function's nearest expansion in products of a basis.

    Attributes:
        intercept: Coefficient of ().
        coefficients: float64[k], one a term.
        fidelity: R2 of the expansion against the function.
    """

    intercept: float
    coefficients: NDArray[np.float64]
    fidelity: float


def project_table(table: NDArray[np.float64], terms: tuple[Term, ...], n_groups: int, p: float) -> Projection:
    """The nearest expansion of a table of every mask, by one butterfly a group.

    c(S) = E[f(m) z_S(m)] where groups are present with probability p and z are centred and of unit variance.

    Args:
        table: float64[2^n], in the order of `cube_table`.
        terms: k sets, () not among them.
        n_groups: n.
        p: How often groups are present.
    """
    spectrum, spread = table, float(np.sqrt(p * (1 - p)))
    for place in range(n_groups):
        halves = spectrum.reshape(-1, 2, 2**place)
        mean = (1 - p) * halves[:, 0] + p * halves[:, 1]
        spectrum = np.stack([mean, spread * (halves[:, 1] - halves[:, 0])], axis=1).reshape(-1)
    kept, energy = spectrum[codes_of(terms)], float((spectrum[1:] ** 2).sum())
    return Projection(float(spectrum[0]), kept, float((kept**2).sum()) / max(energy, 1e-300))


def project_function(
    function: MaskFunction, terms: Sequence[Term], basis: Basis, n_groups: int, p: float, seed: int
) -> Projection:
    """The same by regression on masks drawn by chance, for more groups than every mask can be asked of.

    Args:
        function: What is projected.
        terms: k sets, () not among them.
        basis: Centred products at p.
        n_groups: n.
        p: How often groups are present.
        seed: Of the masks.
    """
    rng = np.random.default_rng(seed)
    count = max(_LEAST_ROWS, _ROWS_PER_TERM * len(terms))
    factors = basis.factors(rng.random((count + _CHECKED_ROWS, n_groups)) < p)
    values = function(factors)
    columns, middle = products(factors[:count], terms), float(values[:count].mean())
    means = columns.mean(axis=0)
    found = lsqr(columns - means, values[:count] - middle, iter_lim=_STEPS)[0]
    intercept = middle - float(means @ found)
    checked = values[count:]
    error = checked - intercept - products(factors[count:], terms) @ found
    return Projection(intercept, found, 1.0 - float(error.var() / max(checked.var(), 1e-300)))
