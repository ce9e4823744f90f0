"""Sums over all terms or all masks: of a few groups by one butterfly a group, of more by matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding.basis import Basis
from spex_data.spectra import Term, by_order, products, unique_rows

CUBE = 16
"""Up to this many groups every mask is asked."""
_QUICK = 4
"""Steps of a butterfly in the time of one of a product."""
_BLOCK_NUMBERS = 4_000_000
_FEW_COLUMNS = 8
"""From so many columns of weights on it pays to form the products of the factors themselves."""
_DENSE = 4
"""Pairs that are formed for each that is asked for, at most."""


def cube_table(
    intercept: float, terms: tuple[Term, ...], coefficients: NDArray[np.float64], basis: Basis, n_groups: int
) -> NDArray[np.float64]:
    """The value of every mask, by one butterfly a group.

    Args:
        intercept: Coefficient of ().
        terms: k sets, () not among them.
        coefficients: float64[k], in the basis.
        basis: What the terms are products in.
        n_groups: n.

    Returns:
        float64[2^n]; group i is present in entry k where bit i of k is set.
    """
    table = np.zeros(2**n_groups)
    table[codes_of(terms)] = coefficients
    table[0] = intercept
    absent, present = basis.offset + basis.slope, basis.offset - basis.slope
    for place in range(n_groups):
        halves = table.reshape(-1, 2, 2**place)
        without, within = halves[:, 0], halves[:, 1]
        table = np.stack([without + absent * within, without + present * within], axis=1).reshape(-1)
    return table


def term_sums(
    factors: NDArray[np.float64], weights: NDArray[np.float64], terms: Sequence[Term]
) -> NDArray[np.float64]:
    """`products(factors, terms).T @ weights`, which is what makes coefficients of rows' weights.

    Args:
        factors: float64[m, n_groups], with one positive and one negative value, for present and absent.
        weights: float64[m], or float64[m, t].
        terms: k sets of groups.

    Returns:
        float64[k], or float64[k, t].
    """
    count, n = factors.shape
    if n <= CUBE and (weights.size // count) * n * 2**n < _QUICK * count * len(terms):
        codes = codes_of(tuple(terms))
        sums = [_all_sums(factors, column)[codes] for column in weights.reshape(count, -1).T]
        return np.stack(sums, axis=1).reshape(len(terms), *weights.shape[1:])
    if weights.size < _FEW_COLUMNS * count:
        sums = [_sums_by_head(factors, column, terms) for column in weights.reshape(count, -1).T]
        return np.stack(sums, axis=1).reshape(len(terms), *weights.shape[1:])
    return _sums_by_product(factors, weights, terms)


def _sums_by_product(
    factors: NDArray[np.float64], weights: NDArray[np.float64], terms: Sequence[Term]
) -> NDArray[np.float64]:
    block = max(1, _BLOCK_NUMBERS // len(factors))
    return np.concatenate(
        [products(factors, terms[start : start + block]).T @ weights for start in range(0, len(terms), block)]
    )


def _sums_by_head(
    factors: NDArray[np.float64], weights: NDArray[np.float64], terms: Sequence[Term]
) -> NDArray[np.float64]:
    """float64[k]; terms that differ in their last two groups alone come from one matrix product.

    With h the product of the weights and of a term's other factors, the sums are the entries of Z' diag(h) Z.
    """
    columns, n = np.ascontiguousarray(factors.T), factors.shape[1]
    sums = np.empty(len(terms))
    for positions, members in by_order(terms):
        heads, head_of = unique_rows(members[:, :-2])
        first = heads[:, -1] + 1 if heads.shape[1] else np.zeros(len(heads), dtype=np.int64)
        if members.shape[1] < 2 or ((n - first) ** 2).sum() > _DENSE * len(positions):
            chosen = [terms[place] for place in positions.tolist()]
            sums[positions] = _sums_by_product(factors, weights, chosen)
            continue
        ends = np.cumsum(np.bincount(head_of))
        mine = np.split(np.argsort(head_of, kind="stable"), ends[:-1])
        for head, start, places in zip(heads, first.tolist(), mine, strict=True):
            later = columns[start:]
            table = (later * (weights * columns[head].prod(axis=0))) @ later.T
            sums[positions[places]] = table[members[places, -2] - start, members[places, -1] - start]
    return sums


def _all_sums(factors: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[2^n], the sum over rows of weight times z_S, for every set S."""
    n = factors.shape[1]
    present = factors > 0
    high, low = float(factors.max()), float(factors.min())
    table = np.bincount(present @ (1 << np.arange(n)), weights=weights, minlength=2**n).astype(np.float64)
    for place in range(n):
        halves = table.reshape(-1, 2, 2**place)
        without, within = halves[:, 0], halves[:, 1]
        table = np.stack([without + within, low * without + high * within], axis=1).reshape(-1)
    return table


@lru_cache(maxsize=8)
def codes_of(terms: tuple[Term, ...]) -> NDArray[np.int64]:
    """The mask in which exactly a term's groups are present, as a number: int64[k]."""
    return np.array([sum(1 << member for member in term) for term in terms], dtype=np.int64)
