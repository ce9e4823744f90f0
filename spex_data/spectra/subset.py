"""The best subset of a large expansion: all of them tried, or an integer programme and swaps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spex_data.spectra.expansions import FourierExpansion
from spex_data.spectra.optimise import Optimum, optimise, require_sizes
from spex_data.spectra.walsh import every_value

FEW_GROUPS = 20
"""So many have a million subsets, which are all tried in a moment."""
MOST_TERMS = 300
"""Largest terms that the integer programme is of."""
SECONDS = 20.0
"""For the integer programme; the best subset so far is taken then."""


def best_subset(
    expansion: FourierExpansion,
    *,
    least: int,
    most: int,
    maximise: bool = True,
    seconds: float = SECONDS,
    max_terms: int = MOST_TERMS,
    few_groups: int = FEW_GROUPS,
) -> Optimum:
    """A subset of allowed size at which an expansion is largest or smallest, as far as can be told in a time.

    Of few groups every subset is tried. Of more, what predicts may be a blend of thousands of terms, whose
    programme no solver ends. So `optimise` gets the largest of them, and from its answer single groups are
    added, removed or exchanged as long as the whole expansion gains.

    Args:
        expansion: Of one target.
        least: Groups present at least.
        most: Groups present at most.
        maximise: False for the smallest value.
        seconds: Time for the integer programme.
        max_terms: Terms of two groups or more that it is of.
        few_groups: Groups up to which every subset is tried instead.

    Returns:
        The optimum; `value` is that of the whole expansion, and `proven` says that every subset was tried, or
        that all of its terms were in the programme and the solver ended by itself.

    Raises:
        DecodingError: Sizes that no subset has.
    """
    if expansion.n_groups <= few_groups:
        return _best_of_all(expansion, 1.0 if maximise else -1.0, least, most)
    few = largest_terms(expansion, max_terms)
    found = optimise(few, maximise=maximise, least=least, most=most, seconds=seconds)
    sign = 1.0 if maximise else -1.0
    mask = _improved(expansion, found.mask, sign, least, most)
    value = float(expansion.evaluate(mask[None])[0])
    whole = len(few.terms) == len(expansion.terms)
    return replace(
        found,
        members=tuple(np.flatnonzero(mask).tolist()),
        mask=mask,
        value=value,
        bound=found.bound if whole else sign * np.inf,
        proven=found.proven and whole,
    )


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


def _best_of_all(expansion: FourierExpansion, sign: float, least: int, most: int) -> Optimum:
    n = expansion.n_groups
    require_sizes(n, least, most)
    values = every_value(expansion)
    sizes = np.bitwise_count(np.arange(2**n))
    place = int(np.argmax(np.where((sizes >= least) & (sizes <= most), sign * values, -np.inf)))
    mask = (place >> np.arange(n)) % 2 == 1
    value = float(values[place])
    return Optimum(tuple(np.flatnonzero(mask).tolist()), mask, value, value, True)


def _improved(
    expansion: FourierExpansion, mask: NDArray[np.bool_], sign: float, least: int, most: int
) -> NDArray[np.bool_]:
    """A mask that no allowed change of one group, and no exchange of two, improves."""
    best, value = mask, float(expansion.evaluate(mask[None])[0])
    while True:
        tried = _neighbours(best, least, most)
        if not len(tried):
            return best
        values = expansion.evaluate(tried)
        place = int(np.argmax(sign * values))
        if sign * (values[place] - value) <= 1e-9 * max(1.0, abs(value)):
            return best
        best, value = tried[place], float(values[place])


def _neighbours(mask: NDArray[np.bool_], least: int, most: int) -> NDArray[np.bool_]:
    """bool[k, n]: the masks of allowed size one change or one exchange away."""
    n, size = len(mask), int(mask.sum())
    ins, outs = np.flatnonzero(~mask), np.flatnonzero(mask)
    exchanged = np.repeat(mask[None], len(ins) * len(outs), axis=0)
    rows = np.arange(len(exchanged))
    exchanged[rows, np.repeat(ins, len(outs))] = True
    exchanged[rows, np.tile(outs, len(ins))] = False
    changed = np.array([*(ins if size < most else ()), *(outs if size > least else ())], dtype=np.int64)
    flipped = np.repeat(mask[None], len(changed), axis=0)
    flipped[np.arange(len(changed)), changed] ^= True
    return np.concatenate([exchanged, flipped]).reshape(-1, n)
