"""Which sets of groups to report, so that only a small share of them are there by chance.

Every set up to an order is tested, not only those that a fit holds: tests chosen and judged on the same masks
lie. The statistic of a set is its cross-fitted estimate over its error. How large it gets where there is
nothing is read off PHANTOM groups: columns drawn from the law of the masks that no example belongs to, so
that a set with one of them has no effect by construction; all its other groups are real, so that what they do
to the error of a null set is in its statistic too. A threshold t is taken where

    (1 + phantom sets at t and above) (sets / phantom sets) <= q (sets at t and above),

for each order by itself (like the knockoff+ of Barber and Candes 2015, with so many phantoms that the 1
weighs little). Decoders are not run again with phantoms: a column that is independent of all values is in no
fit but by accident, and what is left of its statistic is the part of the residuals. For the same reason how
often the folds' fits select a set has no place in the statistic: phantoms would never have been selected, and
sets without effect sometimes are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, islice
from math import ceil, comb

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from spex_data.decoding.debiased import CrossFit, Estimates
from spex_data.decoding.sampling import Sample
from spex_data.spectra import FourierExpansion, Term

_MOST_SETS = 5_000_000
"""Sets of one order beyond which it is not tested; sets times masks / 50 where weights are no products."""
_CALIBRATION = 20
"""Phantom sets for each set, where they are not too many."""
_LEAST_SCREENED, _MOST_SCREENED = 0.005, 100
"""Looked at in full are sets that residuals point at with a p-value of 0.005, or the first 100 or so."""


@dataclass(frozen=True, eq=False)
class Discoveries:
    """What the tests of all sets of one order found.

    Attributes:
        terms: k sets, those that may be reported at some rate; every other set has a q-value of 1.
        estimates: Theirs.
        q_values: float64[k], the least false discovery rate at which each is reported.
        phantoms: float64[l], statistics of phantom sets, largest first.
        ratio: Number of sets tested over that of phantom sets.
        least: Sets and phantom sets with a statistic below it may be missing.
    """

    terms: tuple[Term, ...]
    estimates: Estimates
    q_values: NDArray[np.float64]
    phantoms: NDArray[np.float64]
    ratio: float
    least: float

    def threshold(self, rate: float) -> float:
        """The statistic that a reported set had to pass, the others being as they are; inf if none did."""
        n_reported = int((self.q_values <= rate).sum())
        allowed = int(np.floor(rate * n_reported / self.ratio - 1.0 + 1e-9))
        if n_reported == 0 or allowed < 0:
            return np.inf
        return max(self.least, float(self.phantoms[allowed]) if allowed < len(self.phantoms) else 0.0)


def discoveries(fit: CrossFit, order: int, *, seed: int = 0) -> Discoveries | None:
    """Tests every set of one order.

    Args:
        fit: Cross-fitted values of one target.
        order: Size of the sets.
        seed: Of the phantoms.

    Returns:
        None where there are too many sets, or none.
    """
    n = fit.sample.masks.shape[1]
    n_tested, n_beside = comb(n, order), comb(n, order - 1)
    most = _most_sets(fit.sample)
    if not 0 < n_tested <= most:
        return None
    least = screening(n_tested)
    inside = {term for term in fit.fitted(order) if len(term) == order}
    terms = sorted(inside.union(*pointed_at(fit, order, least)))
    found = fit.estimates(terms)
    count = max(1, min(ceil(_CALIBRATION * n_tested / n_beside), most // n_beside))
    ghosts = with_phantoms(fit, count, np.random.default_rng([seed, order]))
    unreal = [term for part in pointed_at(ghosts, order, least, n_real=n) for term in part]
    phantoms = -np.sort(-ghosts.estimates(unreal).statistics)
    ratio = n_tested / (count * n_beside)
    scores = q_values(found.statistics, phantoms, ratio, least=least)
    return Discoveries(tuple(terms), found, scores, phantoms, ratio, least)


def q_values(
    statistics: NDArray[np.float64], phantoms: NDArray[np.float64], ratio: float, *, least: float
) -> NDArray[np.float64]:
    """The least false discovery rate at which each set is reported.

    Args:
        statistics: float64[k].
        phantoms: float64[l], statistics of sets that have no effect.
        ratio: Number of sets tested over that of phantom sets, those that are not given included.
        least: Sets and phantom sets below it may be missing; they are never reported.
    """
    order = np.argsort(-statistics, kind="stable")
    ranked, sorted_phantoms = statistics[order], np.sort(phantoms)
    above = len(phantoms) - np.searchsorted(sorted_phantoms, ranked, side="left")
    share = (1.0 + above) * ratio / np.arange(1, len(ranked) + 1)
    share[ranked < least] = 1.0
    found = np.empty(len(ranked))
    found[order] = np.minimum(np.minimum.accumulate(share[::-1])[::-1], 1.0)
    return found


def with_phantoms(fit: CrossFit, count: int, rng: np.random.Generator) -> CrossFit:
    """The same values over more groups, of which the last `count` have no effect.

    Args:
        fit: Cross-fitted values.
        count: Columns to add, drawn from the law of the masks given the groups that are there.
        rng: Draws them.
    """
    sample = fit.sample
    masks, law = sample.masks, sample.distribution
    n = masks.shape[1]
    if law.scheme == "bernoulli":
        added = rng.random((len(masks), count)) < law.p
    else:
        # a stratified mask of one more group has it with probability (present + 1) / (groups + 2)
        present, added = masks.sum(axis=1), np.zeros((len(masks), count), dtype=np.bool_)
        for column in range(count):
            added[:, column] = rng.random(len(masks)) < (present + 1) / (n + column + 2)
            present = present + added[:, column]
    return replace(
        fit,
        sample=replace(
            sample,
            masks=np.hstack([masks, added]),
            distribution=replace(law, n_groups=n + count),
        ),
        fit=FourierExpansion(n + count, ((),), np.zeros(1)),
    )


def screening(n_tested: int) -> float:
    """The statistic below which sets are not looked at in full."""
    share = max(_LEAST_SCREENED, _MOST_SCREENED / n_tested)
    return float(-ndtri(share / 2)) if share < 1 else 0.0


def pointed_at(fit: CrossFit, order: int, least: float, *, n_real: int | None = None) -> Iterator[list[Term]]:
    """Sets whose weights go together with the residuals, with a statistic of about `least` or more.

    Args:
        fit: Cross-fitted values.
        order: Size of the sets.
        least: 0 for all sets.
        n_real: None for all sets; else sets with exactly one group of this number or a larger one.
    """
    sample = fit.sample
    floor = least * float(np.sqrt((sample.shares**2) @ fit.row_variances))
    factors = sample.factors
    if factors is None or order < (2 if n_real is None else 3):
        yield from _looked_up(fit, order, floor, n_real)
        return
    variance = sample.distribution.p * (1 - sample.distribution.p)
    # the scale of the residuals may be far from single precision's
    scan = _Scan(
        np.asarray(factors * np.sqrt(variance), np.float32),
        np.asarray(sample.shares * fit.residuals / np.sqrt(fit.square), np.float32),
        np.asarray(sample.shares, np.float32),
        floor / float(np.sqrt(fit.square)),
        flat=sample.distribution.p == 0.5,
    )
    n = scan.unit.shape[1]
    if n_real is None:
        for head in combinations(range(n), order - 2):
            yield [(*head, *pair) for pair in scan.pairs(head, head[-1] + 1 if head else 0, n)]
        return
    for head in combinations(range(n_real), order - 3):
        for phantom in range(n_real, n):
            start = head[-1] + 1 if head else 0
            yield [(*head, *pair, phantom) for pair in scan.pairs((*head, phantom), start, n_real)]


@dataclass(frozen=True, eq=False)
class _Scan:
    """All pairs at once: unit factors float32[m, n], weighted residuals and shares float32[m], threshold."""

    unit: NDArray[np.float32]
    weighted: NDArray[np.float32]
    shares: NDArray[np.float32]
    floor: float
    flat: bool

    def pairs(self, head: Term, start: int, stop: int) -> list[tuple[int, int]]:
        """Pairs of groups in range(start, stop) that together with `head` pass the threshold."""
        tail = self.unit[:, start:stop]
        front = np.prod(self.unit[:, list(head)], axis=1) if head else np.ones(len(self.unit), np.float32)
        found = np.abs((tail * (self.weighted * front)[:, None]).T @ tail)
        energy = 1.0 if self.flat else (tail**2 * (self.shares * front**2)[:, None]).T @ tail**2
        first, second = np.nonzero(np.triu(found >= self.floor * np.sqrt(energy), 1))
        return [(i + start, j + start) for i, j in zip(first.tolist(), second.tolist(), strict=True)]


def _looked_up(fit: CrossFit, order: int, floor: float, n_real: int | None) -> Iterator[list[Term]]:
    sample = fit.sample
    n = sample.masks.shape[1]
    every: Iterator[Term] = combinations(range(n), order)
    if n_real is not None:
        beside = combinations(range(n_real), order - 1)
        every = ((*part, ghost) for part in beside for ghost in range(n_real, n))
    block = max(1, 4_000_000 // len(fit.residuals))
    while part := list(islice(every, block)):
        weights = sample.weights(part)
        found = np.abs((sample.shares * fit.residuals) @ weights)
        kept = np.flatnonzero(found >= floor * np.sqrt(sample.shares @ weights**2))
        yield [part[place] for place in kept.tolist()]


def _most_sets(sample: Sample) -> int:
    if sample.distribution.scheme == "bernoulli":
        return _MOST_SETS
    return _MOST_SETS * 50 // len(sample.masks)
