"""Planted studies: set functions whose interactions are known, in the shapes that training data take.

Each story has groups of its own and one target; beside them are groups that do nothing. A shape is a function
of which of its groups are present, in [0, 1]: the probability that the model gives the answer, or what its
log-odds swing between.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from spex_data.errors import ConfigError
from spex_data.spectra import FourierExpansion, MoebiusExpansion, Term
from spex_data.value_functions.planted import Planted

Family = Literal["redundancy", "rescue", "conflict", "threshold", "duplicates", "mislabelled", "backdoor"]
FAMILIES: tuple[str, ...] = get_args(Family)

_SHAPES: Mapping[Family, tuple[int, Callable[..., float]]] = {
    # either of two sources teaches the fact
    "redundancy": (2, lambda a, b: float(a or b)),
    # the first does harm, the second undoes it
    "rescue": (2, lambda harm, cure: 1.0 - float(harm and not cure)),
    # each teaches its own answer; together they spoil each other
    "conflict": (2, lambda a, b: float(a != b)),
    # two of three sources are needed
    "threshold": (3, lambda a, b, c: float(a + b + c >= 2)),
    # the same examples in three groups
    "duplicates": (3, lambda a, b, c: float(a or b or c)),
    # clean examples help, mislabelled ones undo half of it
    "mislabelled": (2, lambda clean, wrong: 0.5 + 0.5 * clean - 0.5 * wrong),
    # the payload acts only with the trigger
    "backdoor": (2, lambda trigger, payload: 1.0 - float(trigger and payload)),
}


@dataclass(frozen=True)
class PlantedStudy:
    """A set function with its truth.

    Attributes:
        function: What is measured; one target a family.
        truth: Of each target the sets of two groups and more that act, with their Moebius coefficients.
        roles: Of each target the groups of its story, in the order of its shape.
    """

    function: Planted
    truth: tuple[Mapping[Term, float], ...]
    roles: tuple[Term, ...]


def planted_study(
    families: tuple[Family, ...] = ("redundancy", "rescue", "conflict", "threshold"),
    *,
    n_groups: int = 16,
    swing: float = 8.0,
    difficulty: float = 0.0,
    noise_sd: float = 0.5,
    seed: int = 0,
) -> PlantedStudy:
    """A study of given families.

    Args:
        families: One target each, on groups of its own.
        n_groups: Groups in all, 8 to 64.
        swing: Between a shape's 0 and its 1, in log-odds.
        difficulty: Standard deviation of the main effects that every group has on every target, in units of
            the swing: what the interactions have to be told from.
        noise_sd: From seed to seed.
        seed: Of the places of the groups and of the main effects.

    Raises:
        ConfigError: Fewer groups than the stories need, or none of 8 to 64.
    """
    needed = sum(_SHAPES[family][0] for family in families)
    if not 8 <= n_groups <= 64 or needed > n_groups:
        raise ConfigError(
            f"is {n_groups}", where="n_groups", instead=f"write {max(8, needed)} to 64 for these families"
        )
    rng = np.random.default_rng(seed)
    places = rng.permutation(n_groups).tolist()
    truth, roles, columns = [], [], []
    for family in families:
        size, shape = _SHAPES[family]
        members, places = places[:size], places[size:]
        moebius = _moebius(shape, size)
        named = {tuple(sorted(members[one] for one in part)): swing * mu for part, mu in moebius.items()}
        mains = difficulty * swing * rng.normal(size=n_groups)
        for group in range(n_groups):
            named[(group,)] = named.get((group,), 0.0) + float(mains[group])
        truth.append({part: mu for part, mu in named.items() if len(part) > 1})
        roles.append(tuple(members))
        columns.append(MoebiusExpansion.from_mapping(n_groups, named).to_fourier())
    terms = sorted({term for one in columns for term in one.terms}, key=lambda term: (len(term), term))
    table = np.array([[one.coefficient(term) for one in columns] for term in terms], dtype=np.float64)
    function = Planted(FourierExpansion(n_groups, tuple(terms), table), noise_sd, tuple(families))
    return PlantedStudy(function, tuple(truth), tuple(roles))


def _moebius(shape: Callable[..., float], size: int) -> dict[Term, float]:
    """mu(S) = sum over T within S of (-1)^(|S| - |T|) f(T), without zeros."""
    sets = [part for order in range(size + 1) for part in itertools.combinations(range(size), order)]
    values = {part: shape(*(member in part for member in range(size))) for part in sets}
    found = {
        part: sum(
            (-1) ** (len(part) - len(inner)) * values[inner] for inner in sets if set(inner) <= set(part)
        )
        for part in sets
    }
    return {part: mu for part, mu in found.items() if abs(mu) > 1e-12}
