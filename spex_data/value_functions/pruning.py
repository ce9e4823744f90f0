"""Subsets of components to keep: what an expansion says is best, and baselines, each to be measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spex_data.spectra import FourierExpansion, best_subset
from spex_data.value_functions.protocol import ValueFunction


@dataclass(frozen=True)
class Candidate:
    """A subset of k groups that some rule would keep.

    Attributes:
        kept: How many.
        rule: "expansion", "single effects", "magnitude" or "random".
        mask: bool[n_groups].
        predicted: The expansion's value of it.
        proven: Whether no subset of this size has a larger one; None for other rules.
    """

    kept: int
    rule: str
    mask: NDArray[np.bool_]
    predicted: float
    proven: bool | None = None


def pruning_candidates(
    expansion: FourierExpansion,
    sizes: Sequence[int],
    *,
    draws: int,
    seed: int,
    magnitudes: NDArray[np.float64] | None = None,
    seconds: float = 20.0,
) -> list[Candidate]:
    """What to keep, by every rule.

    "expansion" is `best_subset`; "single effects" keeps the k groups with the
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
    n = expansion.n_groups
    singles = np.array([-2.0 * float(expansion.coefficient((group,))) for group in range(n)])
    candidates: list[Candidate] = []
    for size in sizes:
        drawn = np.random.default_rng([seed, size])
        best = best_subset(expansion, least=size, most=size, seconds=seconds)
        found: list[tuple[str, NDArray[np.bool_], bool | None]]
        found = [("expansion", best.mask, best.proven), ("single effects", _top(singles, size), None)]
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
