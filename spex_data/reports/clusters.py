"""Targets that depend on the same interactions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from spex_data.reports.results import Effect, Results, TargetResult
from spex_data.reports.summaries import is_notable

LEAST_ALIKE = 0.5
"""Mean cosine between the profiles of two clusters that are joined."""
MOST_SHARED = 3


@dataclass(frozen=True)
class Cluster:
    """Targets whose interactions are much the same.

    Attributes:
        targets: Their places in the document, two or more.
        shared: The interactions that weigh most on them together, as the first target that has it shows it.
        spans: Of each of those, the smallest and the largest effect among the targets that have it.
    """

    targets: tuple[int, ...]
    shared: tuple[Effect, ...]
    spans: tuple[tuple[float, float], ...]


def target_clusters(results: Results, *, least_alike: float = LEAST_ALIKE) -> tuple[Cluster, ...]:
    """Groups targets by the interactions they depend on, the largest cluster first.

    A target's profile is the sizes of its notable interactions, scaled to length 1; a pair that helps one
    target and hurts another is a dependence of both. Clusters are joined by average linkage while the mean
    cosine between their profiles is at least `least_alike`. Targets without a notable interaction, and those
    like no other, are in none.

    Args:
        results: What was found.
        least_alike: Between 0 and 1.
    """
    notable = [_notable(target) for target in results.targets]
    known = [place for place, found in enumerate(notable) if found]
    if len(known) < 2:
        return ()
    sets = sorted({members for place in known for members in notable[place]})
    at = {members: column for column, members in enumerate(sets)}
    profiles = np.zeros((len(known), len(sets)))
    for row, place in enumerate(known):
        for members, effect in notable[place].items():
            profiles[row, at[members]] = abs(effect.value)
    profiles /= np.linalg.norm(profiles, axis=1, keepdims=True)
    numbers = fcluster(linkage(profiles, "average", metric="cosine"), 1 - least_alike, criterion="distance")
    together = [np.flatnonzero(numbers == number) for number in np.unique(numbers)]
    found = [
        _cluster([known[row] for row in rows], profiles[rows], sets, notable)
        for rows in together
        if len(rows) > 1
    ]
    return tuple(sorted(found, key=lambda one: (-len(one.targets), one.targets)))


def _notable(target: TargetResult) -> dict[tuple[int, ...], Effect]:
    return {one.members: one for one in target.interactions if is_notable(one, target)}


def _cluster(
    targets: list[int],
    profiles: NDArray[np.float64],
    sets: list[tuple[int, ...]],
    notable: list[dict[tuple[int, ...], Effect]],
) -> Cluster:
    heaviest = np.argsort(-profiles.sum(axis=0), kind="stable")[:MOST_SHARED]
    shared, spans = [], []
    for column in heaviest:
        having = [notable[place][sets[column]] for place in targets if sets[column] in notable[place]]
        if 2 * len(having) > len(targets):
            shared.append(having[0])
            spans.append((min(one.value for one in having), max(one.value for one in having)))
    return Cluster(tuple(targets), tuple(shared), tuple(spans))
