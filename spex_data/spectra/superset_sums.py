"""Sums over supersets: the one step by which every conversion and every interaction index is computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from spex_data.errors import DecodingError
from spex_data.spectra.terms import Term, by_order, unique_rows

Weight = Callable[[int, int], float]
"""w(|S|, |T|) of a sum over T containing S."""

MAX_TERMS = 1_000_000
"""Subsets that a conversion may form before it is refused."""


def superset_matrix(
    terms: Sequence[Term],
    weight: Weight,
    *,
    max_order: int | None = None,
    max_terms: int = MAX_TERMS,
) -> tuple[tuple[Term, ...], sparse.csr_array]:
    """The matrix of out(S) = sum over T containing S of w(|S|, |T|) c(T), for every S within a term.

    Only subsets of the terms at hand are formed, and those with a weight other than zero. So a term of order
    16 costs 697 subsets at `max_order=3`, and the 65,536 of all orders only when those are asked for.

    Args:
        terms: k sorted tuples T.
        weight: w(s, t) for 0 <= s <= t.
        max_order: Largest |S|; None for all.
        max_terms: Subsets, counted once for each term they lie in, beyond which the sum is refused.

    Returns:
        (sets S, u of them, ordered by size and then by members; sparse float64[u, k]).

    Raises:
        DecodingError: More subsets than `max_terms`.
    """
    groups = list(by_order(terms))
    top = max((members.shape[1] for _, members in groups), default=0)
    top = top if max_order is None else min(top, max_order)
    _check_size([members.shape for _, members in groups], top, weight, max_terms)
    found: list[Term] = []
    places, columns, weights = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    for size in range(top + 1):
        rows, inside, shares = _subsets(groups, size, weight)
        sets, inverse = unique_rows(rows)
        places.append(inverse + len(found))
        columns.append(inside)
        weights.append(shares)
        found += map(tuple, sets.tolist())
    where = (np.concatenate(places), np.concatenate(columns))
    return tuple(found), sparse.csr_array(
        (np.concatenate(weights), where), shape=(len(found), len(terms)), dtype=np.float64
    )


def superset_sums(
    terms: Sequence[Term],
    coefficients: NDArray[np.float64],
    weight: Weight,
    *,
    max_order: int | None = None,
    max_terms: int = MAX_TERMS,
) -> tuple[tuple[Term, ...], NDArray[np.float64]]:
    """out(S) = sum over T containing S of w(|S|, |T|) c(T), for every S within a term.

    Args:
        terms: k sorted tuples T.
        coefficients: float64[k] or float64[k, t], c(T).
        weight: As for `superset_matrix`, like what follows.
        max_order: Largest |S|; None for all.
        max_terms: Subsets beyond which the sum is refused.

    Returns:
        (sets S, float64[u] or float64[u, t]).

    Raises:
        DecodingError: More subsets than `max_terms`.
    """
    sets, matrix = superset_matrix(terms, weight, max_order=max_order, max_terms=max_terms)
    return sets, matrix @ coefficients


def _subsets(
    groups: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]], size: int, weight: Weight
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """All subsets of one size: their members, the term each lies in, and the weight it has there."""
    rows, columns, weights = [np.zeros((0, size), np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    for positions, members in groups:
        order = members.shape[1]
        w = weight(size, order) if order >= size else 0.0
        if w == 0.0:
            continue
        picks = np.array(list(combinations(range(order), size)), dtype=np.int64)
        rows.append(
            members[:, picks.reshape(comb(order, size), size)].reshape(len(picks) * len(positions), size)
        )
        columns.append(np.repeat(positions, len(picks)))
        weights.append(np.full(len(picks) * len(positions), w))
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(weights)


def _check_size(shapes: Sequence[tuple[int, ...]], top: int, weight: Weight, max_terms: int) -> None:
    total = sum(
        count * comb(order, size)
        for count, order in shapes
        for size in range(min(top, order) + 1)
        if weight(size, order) != 0.0
    )
    if total > max_terms:
        largest = max(order for _, order in shapes)
        raise DecodingError(
            f"would form {total:,} subsets of terms of up to {largest} groups",
            where="expansion",
            instead=f"ask for a smaller max_order than {top}, or allow more with max_terms",
        )
