"""Hypothesis strategies and brute-force references shared by the tests."""

from __future__ import annotations

from itertools import chain, combinations

import numpy as np
from hypothesis import strategies as st

from spex_data.spectra import FourierExpansion


def all_masks(n):
    """bool[2^n, n]; group i is present in row k when bit i of k is set."""
    return (np.arange(2**n)[:, None] >> np.arange(n)) & 1 == 1


def subsets(members, max_order=None):
    """All subsets of a set as sorted tuples, smallest first."""
    members = sorted(members)
    top = len(members) if max_order is None else max_order
    return list(chain.from_iterable(combinations(members, size) for size in range(top + 1)))


def value_of(table, members):
    """f of the mask in which exactly these groups are present; `table` float64[2^n] in `all_masks` order."""
    return table[sum(1 << member for member in members)]


def group_counts(least=1, most=8):
    return st.integers(least, most)


@st.composite
def sparse_games(draw, least=1, most=8, max_terms=12, max_order=None):
    """A FourierExpansion of few terms with coefficients from -4 to 4."""
    n = draw(group_counts(least, most))
    members = st.sets(st.integers(0, n - 1), max_size=min(n, max_order or n))
    terms = draw(st.lists(members, min_size=1, max_size=max_terms))
    numbers = st.floats(-4, 4, allow_nan=False).map(lambda x: round(x, 3))
    return FourierExpansion.from_mapping(n, {tuple(sorted(term)): draw(numbers) for term in terms})


@st.composite
def dense_tables(draw, least=1, most=8):
    """(n, float64[2^n]): the values of every mask of a game without structure."""
    n = draw(group_counts(least, most))
    seed = draw(st.integers(0, 2**32 - 1))
    return n, np.random.default_rng(seed).normal(size=2**n)
