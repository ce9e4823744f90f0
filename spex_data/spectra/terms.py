"""Sets of groups as terms of an expansion, worked on order by order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spex_data.errors import DecodingError

Term = tuple[int, ...]
_BLOCK_NUMBERS = 4_000_000
"""Numbers held at a time while products are formed (32 MB)."""


def canonical(members: Iterable[int]) -> Term:
    """A set of groups as a sorted tuple of plain integers, the form that every mapping here is keyed by."""
    return tuple(sorted({int(member) for member in members}))


def renamed(terms: Sequence[Term], places: ArrayLike) -> tuple[Term, ...]:
    """Terms with group i called places[i].

    Args:
        terms: k sorted tuples.
        places: int64[n_groups], ascending, so that terms stay sorted.
    """
    names = np.asarray(places).tolist()
    return tuple(tuple(names[member] for member in term) for term in terms)


def by_order(terms: Sequence[Term]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Terms of equal size together, as arrays.

    Args:
        terms: k sorted tuples.

    Yields:
        (positions int64[q] in `terms`, members int64[q, order]), smallest order first.
    """
    sizes = np.fromiter(map(len, terms), dtype=np.int64, count=len(terms))
    flat = np.fromiter(chain.from_iterable(terms), dtype=np.int64, count=int(sizes.sum()))
    starts = np.cumsum(sizes) - sizes
    for order in np.unique(sizes):
        positions = np.flatnonzero(sizes == order)
        yield positions, flat[starts[positions][:, None] + np.arange(order)]


def unique_rows(rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The different rows of an array of small non-negative integers, in lexicographic order.

    Args:
        rows: int64[r, width].

    Returns:
        (unique int64[u, width], inverse int64[r]), with rows = unique[inverse].
    """
    count, width = rows.shape
    if width == 0 or count == 0:
        return rows[:1], np.zeros(count, dtype=np.int64)
    base = int(rows.max()) + 1
    if base**width < 2**62:  # one integer a row sorts many times faster than rows do
        codes = rows @ np.array([base ** (width - 1 - column) for column in range(width)], dtype=np.int64)
        _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    else:
        _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return rows[first], inverse.reshape(-1)


def products(factors: NDArray[np.float64], terms: Sequence[Term]) -> NDArray[np.float64]:
    """One column a term: the product of its members' factors.

    Args:
        factors: float64[m, n_groups]; parities 1 - 2 m for Fourier, m itself for Moebius.
        terms: k sets of groups.

    Returns:
        float64[m, k].
    """
    columns = np.ascontiguousarray(factors.T)
    out = np.ones((len(terms), len(factors)))
    for positions, members in by_order(terms):
        if members.shape[1]:
            part = columns[members[:, 0]]
            for place in range(1, members.shape[1]):
                part *= columns[members[:, place]]
            out[positions] = part
    return out.T


def weighted_products(
    factors: NDArray[np.float64], terms: Sequence[Term], coefficients: NDArray[np.float64]
) -> NDArray[np.float64]:
    """`products(factors, terms) @ coefficients`, in blocks, so that the matrix is never held whole.

    Args:
        factors: float64[m, n_groups].
        terms: k sets of groups.
        coefficients: float64[k] or float64[k, t].

    Returns:
        float64[m] or float64[m, t].
    """
    out = np.zeros((len(factors), *coefficients.shape[1:]))
    size = max(1, _BLOCK_NUMBERS // max(len(factors), 1))
    for start in range(0, len(terms), size):
        out += products(factors, terms[start : start + size]) @ coefficients[start : start + size]
    return out


def parity_matrix(masks: ArrayLike, terms: Sequence[Term]) -> NDArray[np.float64]:
    """The Fourier characters of masks, chi_S(m) = (-1)^(sum of m_i, i in S).

    Args:
        masks: bool[m, n_groups].
        terms: k sets of groups.

    Returns:
        float64[m, k] of +1 and -1.
    """
    return products(1.0 - 2.0 * np.asarray(masks, dtype=np.float64), terms)


def checked_terms(n_groups: int, terms: Sequence[Term], coefficients: NDArray[np.float64]) -> None:
    """Refuses terms that an expansion cannot hold.

    Raises:
        DecodingError: As many coefficients as terms are not there, or a term is not a sorted set of groups
            in range(n_groups), or is there twice.
    """
    if coefficients.ndim not in (1, 2) or len(coefficients) != len(terms):
        raise DecodingError(
            f"has {len(terms)} terms and coefficients of shape {coefficients.shape}",
            where="expansion",
            instead="give one coefficient, or one row of them, a term",
        )
    for _, members in by_order(terms):
        if members.size and (
            (np.diff(members, axis=1) <= 0).any() or members.min() < 0 or members.max() >= n_groups
        ):
            raise DecodingError(
                f"has a term that is not a sorted set of numbers from 0 to {n_groups - 1}",
                where="expansion",
                instead="build it with from_mapping, which sorts",
            )
    if len(set(terms)) != len(terms):
        raise DecodingError(
            "has a term twice", where="expansion", instead="add up the coefficients of equal terms"
        )


def from_mapping(
    mapping: Mapping[Term, float | NDArray[np.float64]],
) -> tuple[tuple[Term, ...], NDArray[np.float64]]:
    """Terms and coefficients of a mapping, ordered by size and then by members; equal sets are added up.

    Args:
        mapping: set of groups -> float or float64[t].

    Returns:
        (k sorted tuples, float64[k] or float64[k, t]).
    """
    sums: dict[Term, float | NDArray[np.float64]] = {}
    for members, value in mapping.items():
        term = canonical(members)
        sums[term] = sums[term] + value if term in sums else value
    terms = tuple(sorted(sums, key=lambda term: (len(term), term)))
    return terms, np.array([sums[term] for term in terms], dtype=np.float64)
