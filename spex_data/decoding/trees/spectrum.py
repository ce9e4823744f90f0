"""The exact Fourier expansion of gradient-boosted trees over masks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spex_data.spectra import Term, unique_rows

if TYPE_CHECKING:
    from lightgbm import Booster

_FLUSH_ROWS = 1_000_000
"""Subsets held before equal ones are added up."""


@dataclass(frozen=True)
class Trees:
    """All trees of a booster as one table of nodes; child c >= 0 is a node, c < 0 is leaf -1 - c.

    Attributes:
        roots: int64[q], the first node of each tree that has a split.
        features: int64[nodes], the group that the node asks for.
        absent: int64[nodes], the child of masks without that group.
        present: int64[nodes], the child of masks with it.
        leaf_values: float64[leaves].
        constant: Sum over the trees that are a single leaf.
    """

    roots: NDArray[np.int64]
    features: NDArray[np.int64]
    absent: NDArray[np.int64]
    present: NDArray[np.int64]
    leaf_values: NDArray[np.float64]
    constant: float


@dataclass(frozen=True)
class _Leaves:
    """Leaves at depth d: paths int64[q, d], signs float64[q, d] (-1 is present), values float64[q]."""

    paths: NDArray[np.int64]
    signs: NDArray[np.float64]
    values: NDArray[np.float64]


def read_trees(booster: Booster, n_trees: int) -> Trees:
    """The first trees of a booster, from LightGBM's text format.

    Args:
        booster: Trained on masks as 0 and 1, so that every split lies between the two.
        n_trees: How many trees to read.
    """
    features, absent, present, leaves = [], [], [], []
    roots: list[int] = []
    constant, n_nodes, n_leaves = 0.0, 0, 0
    for text in booster.model_to_string(num_iteration=n_trees).split("\nTree=")[1:]:
        field = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        values = np.array(field["leaf_value"].split(), dtype=np.float64)
        if field["num_leaves"] == "1":
            constant += float(values[0])
            continue
        left, right = (
            np.array(field[name].split(), dtype=np.int64) for name in ("left_child", "right_child")
        )
        roots.append(n_nodes)
        features.append(np.array(field["split_feature"].split(), dtype=np.int64))
        absent.append(np.where(left >= 0, left + n_nodes, left - n_leaves))
        present.append(np.where(right >= 0, right + n_nodes, right - n_leaves))
        leaves.append(values)
        n_nodes, n_leaves = n_nodes + len(left), n_leaves + len(values)
    if not roots:
        none = np.zeros(0, np.int64)
        return Trees(none, none, none, none, np.zeros(0), constant)
    return Trees(
        np.array(roots),
        np.concatenate(features),
        np.concatenate(absent),
        np.concatenate(present),
        np.concatenate(leaves),
        constant,
    )


def tree_spectrum(trees: Trees, *, max_order: int) -> tuple[tuple[Term, ...], NDArray[np.float64]]:
    """Fourier coefficients up to an order, each exact.

    A leaf of value v at depth d is the function v prod over its path of (1 + s_i chi_i) / 2, with s_i =
    +1 where group i is absent and -1 where it is present; so it adds v / 2^d prod of s_i (i in S) to
    every F(S), S within its path.

    Args:
        trees: Of one booster.
        max_order: Largest S; what the trees hold beyond it is left out.

    Returns:
        (terms ordered by size and then by members, () first; float64[k]).
    """
    pending: list[list[tuple[NDArray[np.int64], NDArray[np.float64]]]] = [[] for _ in range(max_order + 1)]
    pending[0].append((np.zeros((1, 0), np.int64), np.array([trees.constant])))
    held = 0
    for leaves in _leaves_by_depth(trees):
        depth = leaves.paths.shape[1]
        for size in range(min(depth, max_order) + 1):
            per_block = max(1, _FLUSH_ROWS // comb(depth, size))
            for start in range(0, len(leaves.values), per_block):
                pending[size].append(_contributions(leaves, size, slice(start, start + per_block)))
                held += len(pending[size][-1][1])
                if held > _FLUSH_ROWS:
                    pending, held = [[_add_up(parts)] if parts else [] for parts in pending], 0
    terms: list[Term] = []
    coefficients = [np.zeros(0)]
    for parts in pending:
        if parts:
            members, sums = _add_up(parts)
            terms += map(tuple, members.tolist())
            coefficients.append(sums)
    return tuple(terms), np.concatenate(coefficients)


def _leaves_by_depth(trees: Trees) -> list[_Leaves]:
    """Walks all trees together, one level at a time."""
    found = []
    nodes = trees.roots
    paths, signs = np.zeros((len(nodes), 0), np.int64), np.zeros((len(nodes), 0))
    while len(nodes):
        down = np.concatenate([trees.absent[nodes], trees.present[nodes]])
        side = np.repeat([1.0, -1.0], len(nodes))
        paths = np.tile(np.hstack([paths, trees.features[nodes][:, None]]), (2, 1))
        signs = np.hstack([np.tile(signs, (2, 1)), side[:, None]])
        ends = down < 0
        if ends.any():
            order = paths[ends].argsort(axis=1)
            found.append(
                _Leaves(
                    np.take_along_axis(paths[ends], order, axis=1),
                    np.take_along_axis(signs[ends], order, axis=1),
                    trees.leaf_values[-1 - down[ends]],
                )
            )
        nodes, paths, signs = down[~ends], paths[~ends], signs[~ends]
    return found


def _contributions(leaves: _Leaves, size: int, block: slice) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """What some leaves add to the sets of one size within their paths."""
    paths, signs, values = leaves.paths[block], leaves.signs[block], leaves.values[block]
    depth = paths.shape[1]
    picks = np.array(list(combinations(range(depth), size)), dtype=np.int64).reshape(comb(depth, size), size)
    shares = values[:, None] * signs[:, picks].prod(axis=2) / 2.0**depth
    return paths[:, picks].reshape(shares.size, size), shares.reshape(-1)


def _add_up(
    parts: list[tuple[NDArray[np.int64], NDArray[np.float64]]],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    members, inverse = unique_rows(np.concatenate([rows for rows, _ in parts]))
    weights = np.concatenate([shares for _, shares in parts])
    return members, np.bincount(inverse, weights=weights).astype(np.float64)
