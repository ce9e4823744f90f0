"""The mask that an expansion is largest or smallest at, by an integer programme."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, milp
from scipy.sparse import csr_array, vstack

from spex_data.errors import DecodingError
from spex_data.spectra.expansions import FourierExpansion, MoebiusExpansion
from spex_data.spectra.superset_sums import MAX_TERMS
from spex_data.spectra.terms import Term

_WHERE = "optimise"
_SOLVED, _LIMIT = 0, 1
"""Outcomes as `scipy.optimize.milp` numbers them."""


@dataclass(frozen=True)
class Optimum:
    """The best subset found.

    Attributes:
        members: The groups that are present.
        mask: bool[n_groups], the same.
        value: The expansion at this mask.
        bound: No mask allowed is better than this by more than rounding; `value` where `proven`.
        proven: Whether the solver ended by itself, so that no subset allowed is better by more than 1e-6 of
            the largest Moebius coefficient.
    """

    members: Term
    mask: NDArray[np.bool_]
    value: float
    bound: float
    proven: bool


def optimise(
    expansion: FourierExpansion | MoebiusExpansion,
    *,
    maximise: bool = True,
    least: int = 0,
    most: int | None = None,
    target: int | None = None,
    seconds: float | None = None,
    max_terms: int = MAX_TERMS,
) -> Optimum:
    """The subset of allowed size at which an expansion is largest, or smallest.

    max over x in {0, 1}^n of sum mu(S) y_S, y_S = product of x_i over S. Each product of two or more is a
    variable of its own, held by y_S <= x_i where it helps and by y_S >= sum x_i - |S| + 1 where it harms
    (Fortet 1960; one-sided as in Glover and Woolsey 1974), and HiGHS solves what results.

    Args:
        expansion: Of one target, or of several with `target` given; a Fourier expansion is converted exactly.
        maximise: False for the smallest value.
        least: Groups present at least.
        most: Groups present at most; None for all. `least` = `most` = k asks for exactly k.
        target: Column of the coefficients; needed where there are several.
        seconds: Time after which the best subset so far is returned, `proven` False; None for no limit.
        max_terms: Subsets of terms beyond which the conversion to Moebius is refused.

    Raises:
        DecodingError: Sizes that no subset has, a target that is not there, more subsets than `max_terms`,
            or no subset found in the time given.
    """
    n = expansion.n_groups
    highest = n if most is None else most
    require_sizes(n, least, highest)
    terms, mu = _column(expansion, target, max_terms)
    gains = mu if maximise else -mu
    joint = [place for place, term in enumerate(terms) if len(term) > 1 and gains[place]]
    objective = np.concatenate([np.zeros(n), gains[joint]])
    for place, term in enumerate(terms):
        if len(term) == 1:
            objective[term[0]] = gains[place]
    scale = float(np.abs(objective).max(initial=0.0)) or 1.0
    products = _products(n, [terms[place] for place in joint], gains[joint])
    solved = _solve(n, objective / scale, products, (least, highest), seconds)
    mask = solved.x[:n] > 0.5
    column = MoebiusExpansion(n, terms, mu)
    value = float(column.evaluate(mask[None])[0])
    proven = solved.status == _SOLVED
    constant = float(sum(mu[place] for place, term in enumerate(terms) if not term))
    reached = -scale * float(solved.mip_dual_bound)
    bound = value if proven else constant + (reached if maximise else -reached)
    return Optimum(tuple(np.flatnonzero(mask).tolist()), mask, value, bound, proven)


def _solve(
    n: int,
    objective: NDArray[np.float64],
    products: tuple[csr_array, NDArray[np.float64]],
    sizes: tuple[int, int],
    seconds: float | None,
) -> OptimizeResult:
    """The largest objective over x in {0, 1}^n and y in [0, 1]^q, with so many x at least and at most."""
    rows, low = products
    counted = csr_array((np.arange(len(objective)) < n).astype(np.float64)[None])
    solved = milp(
        -objective,
        integrality=(np.arange(len(objective)) < n).astype(np.float64),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(
            vstack([counted, rows], format="csr"),
            np.concatenate([[sizes[0]], low]),
            np.concatenate([[sizes[1]], np.full(len(low), np.inf)]),
        ),
        options={"mip_rel_gap": 0.0, **({} if seconds is None else {"time_limit": seconds})},
    )
    if solved.x is None or solved.status not in (_SOLVED, _LIMIT):
        raise DecodingError(
            f"no subset was found ({solved.message})",
            where=_WHERE,
            instead="allow more seconds, or decode with a smaller max_order",
        )
    return solved


def require_sizes(n: int, least: int, most: int) -> None:
    """Refuses sizes that no subset of n groups has.

    Raises:
        DecodingError: Not 0 <= least <= most <= n.
    """
    if not 0 <= least <= most <= n:
        raise DecodingError(
            f"asks for {least} to {most} of {n} groups",
            where=_WHERE,
            instead=f"give 0 <= least <= most <= {n}",
        )


def _column(
    expansion: FourierExpansion | MoebiusExpansion, target: int | None, max_terms: int
) -> tuple[tuple[Term, ...], NDArray[np.float64]]:
    """Terms and Moebius coefficients, float64[k], of one target."""
    coefficients = expansion.coefficients
    if coefficients.ndim == 2:
        there = coefficients.shape[1]
        if target is None and there == 1:
            target = 0
        if target is None or not 0 <= target < there:
            raise DecodingError(
                f"the expansion has {there} targets, and target is {target}",
                where=_WHERE,
                instead=f"give target, a number from 0 to {there - 1}",
            )
        coefficients = coefficients[:, target]
    elif target not in (None, 0):
        raise DecodingError(f"the expansion has one target, and target is {target}", where=_WHERE)
    if isinstance(expansion, MoebiusExpansion):
        return expansion.terms, coefficients
    moebius = FourierExpansion(expansion.n_groups, expansion.terms, coefficients).to_moebius(
        max_terms=max_terms
    )
    return moebius.terms, moebius.coefficients


def _products(n: int, terms: list[Term], gains: NDArray[np.float64]) -> tuple[csr_array, NDArray[np.float64]]:
    """Rows A with A (x, y) >= low that tie each y to the product of its x.

    Args:
        n: Number of x.
        terms: q sets of two or more, one y each.
        gains: float64[q], what is to be maximised of each y.
    """
    rows: list[int] = []
    columns: list[int] = []
    entries: list[float] = []
    low: list[float] = []
    for place, (term, gain) in enumerate(zip(terms, gains, strict=True)):
        if gain > 0:  # only held down: x_i - y >= 0 for each i
            for member in term:
                rows += [len(low)] * 2
                columns += [member, n + place]
                entries += [1.0, -1.0]
                low.append(0.0)
        else:  # only held up: y - sum x_i >= 1 - |S|
            rows += [len(low)] * (len(term) + 1)
            columns += [n + place, *term]
            entries += [1.0] + [-1.0] * len(term)
            low.append(1.0 - len(term))
    shape = (len(low), n + len(terms))
    return csr_array((entries, (rows, columns)), shape=shape), np.array(low)
