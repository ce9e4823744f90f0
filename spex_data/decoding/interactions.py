"""From a regression on chosen terms to a ranked list of interactions with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import stdtrit

from spex_data.decoding.ridge import RidgeFit, coefficient_spread, factorise
from spex_data.spectra import (
    FourierExpansion,
    PairKind,
    ParityMoment,
    Term,
    corner_means,
    pair_kind,
    parity_matrix,
    superset_matrix,
)

_NEGLIGIBLE = 1e-9
"""Values below this share of the largest are rounding, and are not listed."""


@dataclass(frozen=True)
class Interaction:
    """A set of groups and what it does together.

    Attributes:
        members: The groups, sorted; one of them alone is a main effect.
        value: Mean discrete derivative over backgrounds drawn like the study's masks, in units of the values
            (the Banzhaf interaction index at p = 1/2).
        ci: Interval of `value`, (low, high); None where unknown. See Decoded.interactions for what it covers.
        moebius: The discrete derivative at the empty background.
        full: The discrete derivative at the full background, where all other groups are present.
        kind: For pairs, what they do (spex_data.spectra.pair_kind), read off the estimates; None otherwise.
    """

    members: Term
    value: float
    ci: tuple[float, float] | None
    moebius: float
    full: float
    kind: PairKind | None

    @property
    def order(self) -> int:
        """Number of groups."""
        return len(self.members)


@dataclass(frozen=True, eq=False)
class SupportFit:
    """A ridge regression on chosen terms, for one target.

    Attributes:
        expansion: Terms and coefficients, () being the intercept.
        penalty: Ridge penalty of all terms but the intercept.
        loo_residuals: float64[m], leave-one-out.
        freedom: Effective number of coefficients, the intercept included.
    """

    expansion: FourierExpansion
    penalty: float
    loo_residuals: NDArray[np.float64]
    freedom: float


def support_fit(n_groups: int, terms: Sequence[Term], fit: RidgeFit, target: int) -> SupportFit:
    """One target of a ridge regression on the parities of `terms`, () not among them."""
    coefficients = np.concatenate([fit.intercept[[target]], fit.coefficients[:, target]])
    return SupportFit(
        FourierExpansion(n_groups, ((), *terms), coefficients),
        float(fit.penalty[target]),
        fit.loo_residuals[:, target],
        float(fit.freedom[target]),
    )


def ranked_interactions(
    support: SupportFit,
    masks: NDArray[np.bool_],
    parity_moment: ParityMoment,
    *,
    max_order: int,
    level: float,
) -> list[Interaction]:
    """Interactions of every set within a term, by descending absolute value.

    Args:
        support: The regression.
        masks: bool[m, n_groups] that it was fitted on.
        parity_moment: Of the backgrounds.
        max_order: Largest set.
        level: Coverage that intervals are made for.
    """
    expansion = support.expansion
    sets, weights = superset_matrix(
        expansion.terms,
        lambda size, order: (-2.0) ** size * parity_moment(order - size) if size else 0.0,
        max_order=max_order,
    )
    values = weights @ expansion.coefficients
    halves = _half_widths(support, masks, weights, level)
    empty = expansion.discrete_derivatives(lambda _: 1.0, max_order=max_order)
    full = expansion.discrete_derivatives(lambda order: (-1.0) ** order, max_order=max_order)
    listed = [
        Interaction(
            members,
            value,
            None if half is None else (value - half, value + half),
            float(empty[members]),
            float(full[members]),
            pair_kind(corner_means(expansion, (members[0], members[1]), parity_moment))
            if len(members) == 2
            else None,
        )
        for members, value, half in zip(sets, values.tolist(), halves, strict=True)
        if abs(value) > _NEGLIGIBLE * np.abs(values).max()
    ]
    return sorted(listed, key=lambda found: (-abs(found.value), found.order, found.members))


def _half_widths(
    support: SupportFit, masks: NDArray[np.bool_], weights: sparse.csr_array, level: float
) -> Sequence[float | None]:
    """t sqrt(a' V a) for each row a of the weights; unknown where less than one degree of freedom is left."""
    spare = len(masks) - support.freedom
    if spare < 1:
        return [None] * weights.shape[0]
    factors = factorise(parity_matrix(masks, support.expansion.terms[1:]))
    spread = coefficient_spread(factors, support.penalty, support.loo_residuals)
    deviations = np.sqrt(((weights[:, 1:] @ spread) ** 2).sum(axis=1))
    return list((stdtrit(spare, 0.5 + level / 2) * deviations).tolist())
