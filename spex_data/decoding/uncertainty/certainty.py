"""How sure the interactions of a decoded target are: intervals, q-values, and masks needed for more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from spex_data.decoding.interactions import Interaction, described
from spex_data.decoding.uncertainty.crossfit import FoldFits
from spex_data.decoding.uncertainty.debiased import CrossFit, Estimates, cross_fit
from spex_data.decoding.uncertainty.discoveries import OrderTests, discoveries
from spex_data.decoding.uncertainty.posterior_rates import posterior_q_values
from spex_data.decoding.uncertainty.sampling import follows, sample
from spex_data.decoding.uncertainty.selective import truncated_quantiles
from spex_data.masks import MaskDistribution
from spex_data.spectra import FourierExpansion, Term

_LEAST_DRAWS = 4
"""Draws from the law that something can be estimated from."""


@dataclass(frozen=True)
class Estimate:
    """One number, and how sure it is.

    Attributes:
        value: Estimated without bias, in units of the values. It scatters more than what a decoder lists,
            which is drawn to what is likely.
        error: Its standard error; inf where the masks say nothing.
        ci: Interval that covers at the level asked for; None where the masks say nothing.
    """

    value: float
    error: float
    ci: tuple[float, float] | None


def cross_fits(
    masks: NDArray[np.bool_],
    distribution: MaskDistribution,
    values: NDArray[np.float64],
    noise: NDArray[np.float64] | None,
    folds: Sequence[FoldFits | None],
    *,
    lawful: NDArray[np.bool_] | None = None,
) -> list[CrossFit | None]:
    """What intervals are made from, for each target.

    Args:
        masks: bool[m, n_groups], different.
        distribution: What they were drawn from.
        values: float64[m, t].
        noise: float64[m, t], noise variance of these values, if known.
        folds: Fits without each fold, one for each target.
        lawful: bool[m], which masks are draws from the distribution; None for all. The fits may be made with
            any masks, but what they miss is estimated from draws alone.

    Returns:
        None for targets whose fits were not kept; for all, if the masks do not look like drawn from the
        distribution.
    """
    if all(each is None for each in folds):
        return [None] * len(folds)
    rows = np.ones(len(masks), dtype=np.bool_) if lawful is None else lawful
    if rows.sum() < _LEAST_DRAWS:
        return [None] * len(folds)
    drawn = sample(masks[rows], distribution)
    if not follows(drawn):
        return [None] * len(folds)
    return [
        None
        if each is None
        else cross_fit(
            drawn, values[rows, target], each.of_rows(rows), None if noise is None else noise[rows, target]
        )
        for target, each in enumerate(folds)
    ]


def one(found: Estimates, level: float) -> Estimate:
    """The first of several estimates, with an interval of a level."""
    value, error, half = float(found.values[0]), float(found.errors[0]), float(found.half_widths(level)[0])
    return Estimate(value, error, (value - half, value + half) if np.isfinite(half) else None)


def with_intervals(listed: Sequence[Interaction], fit: CrossFit, level: float) -> list[Interaction]:
    """Interactions with their cross-fitted intervals.

    A value outside its interval moves to the nearer end, which brings it no further from the truth wherever
    the interval covers (the limited translation of Efron and Morris 1972).

    Args:
        listed: From the fit that interactions are listed from.
        fit: Cross-fitted values of the same target.
        level: Coverage of the intervals.
    """
    found = fit.estimates([each.members for each in listed])
    halves = found.half_widths(level)
    return [
        _moved(each, value - half, value + half)
        for each, value, half in zip(listed, found.values.tolist(), halves.tolist(), strict=True)
    ]


def with_discoveries(
    listed: Sequence[Interaction],
    fit: CrossFit,
    expansion: FourierExpansion,
    *,
    acting: Mapping[Term, float] | None,
    max_order: int,
    level: float,
    rate: float,
    seed: int,
) -> list[Interaction]:
    """Interactions with q-values; sets that are reported join them, with intervals made for what is reported.

    Where a posterior over models says how likely sets act, a set is reported if either the tests or the
    posterior report it, each at half the rate.

    Args:
        listed: With intervals.
        fit: Cross-fitted values of the same target.
        expansion: What sets that are not listed are described by, beside their value.
        acting: How likely sets of two and more groups are to act; None where no model says.
        max_order: Largest set tested.
        level: Coverage of the intervals among reported sets.
        rate: False discovery rate, of interactions of all orders together and of single groups by themselves.
        seed: Of the phantoms.
    """
    known = {each.members: each for each in listed}
    singles = _tested(fit, [1], None, level=level, rate=rate, seed=seed)
    larger = _tested(fit, range(2, max_order + 1), acting, level=level, rate=rate, seed=seed)
    for found in (singles, larger):
        joining = [members for members in found.ranges if members not in known]
        known.update(_joined(joining, expansion, fit))
        for members, each in known.items():
            if len(members) in found.orders:
                here = members in found.ranges
                judged = replace(each, q=found.q_values.get(members, 1.0), reported=here)
                known[members] = _moved(judged, *found.ranges[members]) if here else judged
    return sorted(known.values(), key=lambda each: (-abs(each.value), each.order, each.members))


@dataclass(frozen=True)
class _Tested:
    """One list: orders that were looked at, q-values (1 if left out), intervals of reported sets."""

    orders: frozenset[int]
    q_values: dict[Term, float]
    ranges: dict[Term, tuple[float, float]]


def _tested(
    fit: CrossFit,
    orders: Sequence[int],
    acting: Mapping[Term, float] | None,
    *,
    level: float,
    rate: float,
    seed: int,
) -> _Tested:
    found = discoveries(fit, orders, seed=seed)
    share = 1.0 if acting is None else 0.5
    q_values: dict[Term, float] = {}
    ranges: dict[Term, tuple[float, float]] = {}
    for tested, scores, cut in zip(found.tests, found.q_values, found.thresholds(rate * share), strict=True):
        q_values.update(zip(tested.terms, np.minimum(scores / share, 1.0).tolist(), strict=True))
        ranges.update(_ranges(tested, scores <= rate * share, cut, level))
    looked_at = frozenset(tested.order for tested in found.tests)
    if acting is None:
        return _Tested(looked_at, q_values, ranges)
    likely = posterior_q_values(acting, orders)
    for term, score in likely.items():
        q_values[term] = min(q_values.get(term, 1.0), score / (1.0 - share), 1.0)
    joining = [term for term, score in likely.items() if score <= rate * (1.0 - share) and term not in ranges]
    if joining:
        estimates = fit.estimates(joining)
        values, halves = estimates.values, estimates.half_widths(level)
        ends = zip((values - halves).tolist(), (values + halves).tolist(), strict=True)
        ranges.update(zip(joining, ends, strict=True))
    return _Tested(looked_at.union(map(len, likely)), q_values, ranges)


def masks_for_width(found: Estimates, n_masks: int, width: float, level: float) -> int | None:
    """Masks that an interval of some width takes, 1 / sqrt(M) law; None where nothing is known."""
    now = 2 * float(found.half_widths(level)[0])
    return int(np.ceil(n_masks * (now / width) ** 2)) if np.isfinite(now) else None


def _ranges(
    tested: OrderTests, reported: NDArray[np.bool_], threshold: float, level: float
) -> dict[Term, tuple[float, float]]:
    """Reported sets and their intervals, given that they were reported."""
    places = np.flatnonzero(reported)
    if not len(places):
        return {}
    found = tested.estimates
    size, cut = found.statistics[places], np.full(len(places), threshold)
    values, sign = found.values[places], np.sign(found.values[places])
    ends = []
    for side in (-1.0, 1.0):
        moved = truncated_quantiles(size, cut, np.ones(len(size)), 0.5 + side * level / 2) - size
        # from a distance of normal quantiles to one of Student's t
        steps = -np.sign(moved) * stdtrit(found.freedom[places], ndtr(-np.abs(moved)))
        ends.append(values + sign * steps * found.larger[places])
    low, high = np.minimum(*ends), np.maximum(*ends)
    ranges = zip(low.tolist(), high.tolist(), strict=True)
    return dict(zip((tested.terms[place] for place in places.tolist()), ranges, strict=True))


def _joined(sets: Sequence[Term], expansion: FourierExpansion, fit: CrossFit) -> dict[Term, Interaction]:
    """Sets that are not listed, as the expansion sees them: most often with a value of 0."""
    if not sets:
        return {}
    moment = fit.sample.distribution.parity_moment
    values = expansion.discrete_derivatives(moment, max_order=max(map(len, sets)))
    seen = described(
        sets, [float(values.get(members, 0.0)) for members in sets], [None] * len(sets), expansion, moment
    )
    found = {members: Interaction(members, 0.0, None, 0.0, 0.0, None) for members in sets}
    return found | {each.members: each for each in seen}


def _moved(each: Interaction, low: float, high: float) -> Interaction:
    if not np.isfinite(low):
        return replace(each, ci=None)
    return replace(each, value=min(max(each.value, low), high), ci=(low, high))
