"""Subsets of components to keep: what an expansion says is best, and baselines, each to be measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spex_data.spectra import FourierExpansion, optimise
from spex_data.value_functions.protocol import ValueFunction

MOST_TERMS = 300
"""Largest terms of an expansion that the integer programme is of."""
SECONDS = 20.0
"""For the integer programme of one size; the best subset so far is taken then."""


@dataclass(frozen=True)
class Candidate:
    """A subset of k groups that some rule would keep.

    Attributes:
        kept: How many.
        rule: "expansion", "single effects", "magnitude" or "random".
        mask: bool[n_groups].
        predicted: The expansion's value of it.
        proven: Whether no subset of this size has a larger one, of the terms that were optimised; None for
            other rules.
    """

    kept: int
    rule: str
    mask: NDArray[np.bool_]
    predicted: float
    proven: bool | None = None


def largest_terms(expansion: FourierExpansion, most: int = MOST_TERMS) -> FourierExpansion:
    """The expansion's constant, its single groups, and its largest other terms.

    Args:
        expansion: Of one target.
        most: Terms kept at most, those of no or one group not counted.
    """
    sizes = np.array([len(term) for term in expansion.terms])
    order = np.argsort(-np.abs(expansion.coefficients), kind="stable")
    joint = [int(place) for place in order if sizes[place] > 1][:most]
    kept = sorted([*np.flatnonzero(sizes <= 1).tolist(), *joint])
    return FourierExpansion(
        expansion.n_groups,
        tuple(expansion.terms[place] for place in kept),
        expansion.coefficients[kept],
    )


def pruning_candidates(
    expansion: FourierExpansion,
    sizes: Sequence[int],
    *,
    draws: int,
    seed: int,
    magnitudes: NDArray[np.float64] | None = None,
    seconds: float = SECONDS,
) -> list[Candidate]:
    """What to keep, by every rule.

    "expansion" solves max f(S) over |S| = k as an integer programme over the largest terms, and then swaps
    one group at a time as long as the whole expansion gains; "single effects" keeps the k groups with the
    largest mean effects; "magnitude" those with the largest weights; "random" draws.

    Args:
        expansion: Of one target.
        sizes: Numbers of groups to keep, each at most n.
        draws: Random subsets of each size.
        seed: Of the draws.
        magnitudes: float64[n]; None leaves that rule out.
        seconds: Time for each integer programme.

    Raises:
        DecodingError: A size that no subset has.
    """
    n, few = expansion.n_groups, largest_terms(expansion)
    singles = np.array([-2.0 * float(expansion.coefficient((group,))) for group in range(n)])
    candidates: list[Candidate] = []
    for size in sizes:
        drawn = np.random.default_rng([seed, size])
        best = optimise(few, least=size, most=size, seconds=seconds)
        swapped = _swapped(expansion, best.mask)
        proven = best.proven and bool((swapped == best.mask).all())
        found = [("expansion", swapped, proven), ("single effects", _top(singles, size), None)]
        if magnitudes is not None:
            found.append(("magnitude", _top(magnitudes, size), None))
        found += [("random", _top(drawn.random(n), size), None) for _ in range(draws)]
        predicted = expansion.evaluate(np.array([mask for _, mask, _ in found]))
        candidates += [
            Candidate(size, rule, mask, float(value), sure)
            for (rule, mask, sure), value in zip(found, predicted, strict=True)
        ]
    return candidates


def measured_candidates(
    function: ValueFunction, candidates: Sequence[Candidate], target: int
) -> NDArray[np.float64]:
    """The real value of every candidate, float64[c]; equal masks are measured once."""
    masks = np.array([one.mask for one in candidates])
    unique, place = np.unique(masks, axis=0, return_inverse=True)
    values = function(unique, np.zeros(len(unique), dtype=np.int64)).values[:, target]
    return np.asarray(values[place.ravel()])


def _top(scores: NDArray[np.float64], size: int) -> NDArray[np.bool_]:
    mask = np.zeros(len(scores), dtype=np.bool_)
    mask[np.argsort(-scores, kind="stable")[:size]] = True
    return mask


def _swapped(expansion: FourierExpansion, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask of the same size that no swap of two groups improves."""
    best, value = mask.copy(), float(expansion.evaluate(mask[None])[0])
    while True:
        ins, outs = np.flatnonzero(~best), np.flatnonzero(best)
        if not len(ins) or not len(outs):
            return best
        tried = np.repeat(best[None], len(ins) * len(outs), axis=0)
        rows = np.arange(len(tried))
        tried[rows, np.repeat(ins, len(outs))] = True
        tried[rows, np.tile(outs, len(ins))] = False
        values = expansion.evaluate(tried)
        place = int(np.argmax(values))
        if values[place] <= value + 1e-12:
            return best
        best, value = tried[place], float(values[place])
