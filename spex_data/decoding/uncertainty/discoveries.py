"""Which sets of groups to report, so that only a small share of them are there by chance.

Every set up to an order is tested, not only those that a fit holds: tests chosen and judged on the same masks
lie. The statistic of a set is its cross-fitted estimate over its error. How large it gets where there is
nothing is read off PHANTOM groups: columns drawn from the law of the masks that no example belongs to, so
that a set with one of them has no effect by construction; all its other groups are real, so that what they do
to the error of a null set is in its statistic too. A threshold t is taken where

    sum over orders of e <= q (sets reported),    e = (1 + phantom sets at t and above) (sets / phantom sets),

with a t for each order that makes its e the same: the knockoff+ of Barber and Candes 2015, with so many
phantoms that the 1 weighs little, for orders that share what may be false equally (the weighted procedure of
Genovese, Roeder and Wasserman 2006). Decoders are not run again with phantoms: a column that is independent
of all values is in no fit but by accident, and what is left of its statistic is the part of the residuals.
For the same reason how often the folds' fits select a set has no place in the statistic: phantoms would never
have been selected, and sets without effect sometimes are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice
from math import ceil, comb

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from spex_data.decoding.uncertainty.debiased import CrossFit, Estimates
from spex_data.decoding.uncertainty.sampling import Sample
from spex_data.spectra import FourierExpansion, Term

_MOST_SETS = 5_000_000
"""Sets of one order beyond which it is not tested; sets times masks / 50 where weights are no products."""
_CALIBRATION = 20
"""Phantom sets for each set, where they are not too many."""
_LEAST_SCREENED, _MOST_SCREENED = 0.005, 100
"""Looked at in full are sets that residuals point at with a p-value of 0.005, or the first 100 or so."""


@dataclass(frozen=True, eq=False)
class OrderTests:
    """The tests of all sets of one order.

    Attributes:
        order: Their size.
        terms: k sets, those that may be reported at some rate.
        estimates: Theirs.
        expected: float64[k], e: how many sets without effect are expected at the statistic of each and above.
        phantoms: float64[l], statistics of phantom sets, largest first.
        ratio: Number of sets tested over that of phantom sets.
        least: Sets and phantom sets with a statistic below it may be missing.
    """

    order: int
    terms: tuple[Term, ...]
    estimates: Estimates
    expected: NDArray[np.float64]
    phantoms: NDArray[np.float64]
    ratio: float
    least: float

    def threshold(self, allowed: float) -> float:
        """The least statistic at which no more than so many sets without effect are expected."""
        above = int(np.floor(allowed / self.ratio - 1.0 + 1e-9))
        if above < 0:
            return np.inf
        return max(self.least, float(self.phantoms[above]) if above < len(self.phantoms) else 0.0)


@dataclass(frozen=True, eq=False)
class Discoveries:
    """Sets of some orders as one list.

    Attributes:
        tests: One for each order.
        q_values: Of each order's terms, the least false discovery rate at which each is reported; a set that
            is not among them has 1.
    """

    tests: tuple[OrderTests, ...]
    q_values: tuple[NDArray[np.float64], ...]

    def thresholds(self, rate: float) -> list[float]:
        """For each order the statistic that a reported set had to pass, the others being as they are."""
        n_reported = sum(int((scores <= rate).sum()) for scores in self.q_values)
        return [tested.threshold(rate * n_reported / len(self.tests)) for tested in self.tests]


def discoveries(fit: CrossFit, orders: Sequence[int], *, seed: int = 0) -> Discoveries:
    """Tests every set of some orders; those of which there are none, or too many sets, are left out.

    Args:
        fit: Cross-fitted values of one target.
        orders: Sizes of the sets.
        seed: Of the phantoms.
    """
    n, most = fit.sample.masks.shape[1], _most_sets(fit.sample)
    tests = tuple(order_tests(fit, order, seed=seed) for order in orders if 0 < comb(n, order) <= most)
    if not tests:
        return Discoveries((), ())
    scores = q_values(np.concatenate([tested.expected for tested in tests]), len(tests))
    ends = np.cumsum([len(tested.terms) for tested in tests])
    return Discoveries(tests, tuple(np.split(scores, ends[:-1])))


def order_tests(fit: CrossFit, order: int, *, seed: int) -> OrderTests:
    """Tests every set of one order; arguments as for `discoveries`."""
    n, most = fit.sample.masks.shape[1], _most_sets(fit.sample)
    n_tested, n_beside = comb(n, order), comb(n, order - 1)
    least = screening(n_tested)
    inside = {term for term in fit.fitted(order) if len(term) == order}
    terms = sorted(inside.union(*pointed_at(fit, order, least)))
    found = fit.estimates(terms)
    count = max(1, min(ceil(_CALIBRATION * n_tested / n_beside), most // n_beside))
    ghosts = with_phantoms(fit, count, np.random.default_rng([seed, order]))
    unreal = [term for part in pointed_at(ghosts, order, least, n_real=n) for term in part]
    phantoms = -np.sort(-ghosts.estimates(unreal).statistics)
    ratio = n_tested / (count * n_beside)
    expected = expected_false(found.statistics, phantoms, ratio, least=least)
    return OrderTests(order, tuple(terms), found, expected, phantoms, ratio, least)


def expected_false(
    statistics: NDArray[np.float64], phantoms: NDArray[np.float64], ratio: float, *, least: float
) -> NDArray[np.float64]:
    """How many sets without effect are expected at each statistic and above.

    Args:
        statistics: float64[k].
        phantoms: float64[l], statistics of sets that have no effect.
        ratio: Number of sets tested over that of phantom sets, those that are not given included.
        least: Sets and phantom sets below it may be missing; inf is expected there.
    """
    above = len(phantoms) - np.searchsorted(np.sort(phantoms), statistics, side="left")
    return np.where(statistics < least, np.inf, (1.0 + above) * ratio)


def q_values(expected: NDArray[np.float64], n_orders: int) -> NDArray[np.float64]:
    """The least false discovery rate at which each set is reported, at most 1.

    Args:
        expected: float64[k], sets without effect that are expected in its order if it is reported.
        n_orders: Number of orders that these are of.
    """
    order = np.argsort(expected, kind="stable")
    share = np.minimum(expected[order] * n_orders / np.arange(1, len(expected) + 1), 1.0)
    found = np.empty(len(expected))
    found[order] = np.minimum.accumulate(share[::-1])[::-1]
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
    if factors is None or order == 1:
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
    first = n if n_real is None else n_real
    for head in combinations(range(first), order - 2):
        start = head[-1] + 1 if head else 0
        last = slice(start, n) if n_real is None else slice(n_real, n)
        yield [(*head, *pair) for pair in scan.pairs(head, slice(start, first), last)]


@dataclass(frozen=True, eq=False)
class _Scan:
    """All pairs at once: unit factors float32[m, n], weighted residuals and shares float32[m], threshold."""

    unit: NDArray[np.float32]
    weighted: NDArray[np.float32]
    shares: NDArray[np.float32]
    floor: float
    flat: bool

    def pairs(self, head: Term, one: slice, other: slice) -> list[tuple[int, int]]:
        """Pairs (i, j), i < j, of groups in two ranges that together with `head` pass the threshold."""
        left, right = self.unit[:, one], self.unit[:, other]
        front = np.prod(self.unit[:, list(head)], axis=1) if head else np.ones(len(self.unit), np.float32)
        found = np.abs((left * (self.weighted * front)[:, None]).T @ right)
        energy = 1.0 if self.flat else (left**2 * (self.shares * front**2)[:, None]).T @ right**2
        first, second = (places.tolist() for places in np.nonzero(found >= self.floor * np.sqrt(energy)))
        pairs = ((i + one.start, j + other.start) for i, j in zip(first, second, strict=True))
        return [(i, j) for i, j in pairs if i < j]


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
