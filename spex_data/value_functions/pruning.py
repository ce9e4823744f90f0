"""Subsets of components to keep: what an expansion says is best, and baselines, each to be measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spex_data.spectra import FourierExpansion, Optimum, best_subset, largest_terms
from spex_data.value_functions.protocol import ValueFunction

TRUSTED = (None, 64, 16, 0)
"""Joint terms that the expansion's subsets are the best of in turn; None for all."""


@dataclass(frozen=True)
class Candidate:
    """A subset of k groups that some rule would keep.

    Attributes:
        kept: How many.
        rule: "expansion", "single effects", "magnitude" or "random".
        mask: bool[n_groups].
        predicted: The expansion's value of it.
        proven: Whether no subset of this size has a larger one by the terms trusted; None for other rules.
        joint_terms: Terms of two groups or more that were trusted; None for all, and for other rules.
    """

    kept: int
    rule: str
    mask: NDArray[np.bool_]
    predicted: float
    proven: bool | None = None
    joint_terms: int | None = None


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

    "expansion" is `best_subset`, once for every number of joint terms in `TRUSTED`: the largest of many
    predictions is the one that errs most, so what is measured decides how many terms to believe
    (`best_measured`). "single effects" keeps the k groups with the largest mean effects; "magnitude" those
    with the largest weights; "random" draws.

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
        found: list[tuple[str, NDArray[np.bool_], bool | None, int | None]]
        found = [
            ("expansion", best.mask, best.proven, terms)
            for terms, best in _trusting(expansion, size, seconds)
        ]
        found.append(("single effects", _top(singles, size), None, None))
        if magnitudes is not None:
            found.append(("magnitude", _top(magnitudes, size), None, None))
        found += [("random", _top(drawn.random(n), size), None, None) for _ in range(draws)]
        predicted = expansion.evaluate(np.array([mask for _, mask, _, _ in found]))
        candidates += [
            Candidate(size, rule, mask, float(value), sure, terms)
            for (rule, mask, sure, terms), value in zip(found, predicted, strict=True)
        ]
    return candidates


def best_measured(candidates: Sequence[Candidate], values: NDArray[np.float64], rule: str, size: int) -> int:
    """Place of the candidate of a rule and size that has the largest value.

    Args:
        candidates: c of them.
        values: float64[c], as measured.
        rule: One of the candidates'.
        size: How many are kept.
    """
    mine = [place for place, one in enumerate(candidates) if (one.rule, one.kept) == (rule, size)]
    return max(mine, key=lambda place: values[place])


def _trusting(expansion: FourierExpansion, size: int, seconds: float) -> Iterator[tuple[int | None, Optimum]]:
    """The best subset by ever fewer joint terms, each number that there is once."""
    joint = sum(len(term) > 1 for term in expansion.terms)
    for terms in TRUSTED:
        if terms is None or terms < joint:
            few = expansion if terms is None else largest_terms(expansion, terms)
            yield terms, best_subset(few, least=size, most=size, seconds=seconds)


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
