"""Fits made without each fold, kept so that estimates can be corrected by rows that a fit has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding.basis import Basis
from spex_data.spectra import FourierExpansion, Term, renamed

_MOST_TERMS, _LEAST_TERMS = 1500, 100
"""Terms kept of a fold's fit for one target, and for so many that memory is short."""


@dataclass(frozen=True, eq=False)
class FoldFits:
    """What predicts each fold, made without its rows.

    What is estimated with it is unbiased whatever these fits are, as long as the rows of a fold had no say
    in its own: so they may leave out small terms.

    Attributes:
        fold_of: int64[m], the fold of each row.
        expansions: One a fold.
    """

    fold_of: NDArray[np.int64]
    expansions: tuple[FourierExpansion, ...]

    def predict(self, masks: NDArray[np.bool_]) -> NDArray[np.float64]:
        """float64[m], what the fit without a row says of it.

        Args:
            masks: bool[m, n_groups], all of them in their order.
        """
        predicted = np.zeros(len(masks))
        for fold, expansion in enumerate(self.expansions):
            mine = self.fold_of == fold
            predicted[mine] = expansion.evaluate(masks[mine])
        return predicted

    def of_rows(self, rows: NDArray[np.bool_]) -> FoldFits:
        """The same fits, for some of the rows they were made of.

        Args:
            rows: bool[m].
        """
        return replace(self, fold_of=self.fold_of[rows])

    def rescaled(self, mean: float, scale: float) -> FoldFits:
        """The fits of scale * values + mean."""
        return replace(self, expansions=tuple(_rescaled(each, mean, scale) for each in self.expansions))

    def relabelled(self, n_groups: int, places: NDArray[np.int64]) -> FoldFits:
        """The fits with group i called places[i], in ascending order, among more groups without effect."""
        moved = tuple(
            FourierExpansion(n_groups, renamed(each.terms, places), each.coefficients)
            for each in self.expansions
        )
        return replace(self, expansions=moved)


def kept_terms(n_targets: int) -> int:
    """How many terms to keep of a fold's fit where t targets are decoded."""
    return max(_LEAST_TERMS, _MOST_TERMS // n_targets)


def largest_terms(
    n_groups: int,
    basis: Basis,
    terms: Sequence[Term],
    intercept: float,
    coefficients: NDArray[np.float64],
    most: int,
) -> FourierExpansion:
    """The Fourier expansion of a fit's intercept and of its largest terms.

    Args:
        n_groups: Number of groups.
        basis: What the terms are products in.
        terms: k sets, () not among them.
        intercept: Coefficient of ().
        coefficients: float64[k].
        most: Terms kept.
    """
    kept = np.flatnonzero(coefficients)
    if len(kept) > most:
        kept = np.sort(kept[np.argsort(-np.abs(coefficients[kept]), kind="stable")[:most]])
    chosen = [terms[place] for place in kept.tolist()]
    return basis.to_fourier(n_groups, ((), *chosen), np.concatenate([[intercept], coefficients[kept]]))


def combined(parts: Sequence[tuple[float, FourierExpansion]], constant: float = 0.0) -> FourierExpansion:
    """constant + sum of w f, for expansions f over the same groups."""
    total: dict[Term, float] = {(): constant}
    for weight, expansion in parts:
        for term, value in zip(expansion.terms, (weight * expansion.coefficients).tolist(), strict=True):
            total[term] = total.get(term, 0.0) + value
    terms = tuple(sorted(total, key=lambda term: (len(term), term)))
    return FourierExpansion(parts[0][1].n_groups, terms, np.array([total[term] for term in terms]))


def blended(parts: Sequence[tuple[float, FoldFits]], mean: float) -> FoldFits:
    """mean + sum of w (f - mean), without each fold; where parts have other folds, without each in common."""
    constant = mean * (1.0 - sum(weight for weight, _ in parts))
    labels = np.stack([fits.fold_of for _, fits in parts], axis=1)
    cells, fold_of = np.unique(labels, axis=0, return_inverse=True)
    return FoldFits(
        fold_of.reshape(-1),
        tuple(
            combined(
                [(weight, fits.expansions[fold]) for (weight, fits), fold in zip(parts, cell, strict=True)],
                constant,
            )
            for cell in cells.tolist()
        ),
    )


def _rescaled(expansion: FourierExpansion, mean: float, scale: float) -> FourierExpansion:
    coefficients = expansion.coefficients * scale
    coefficients[expansion.terms.index(())] += mean
    return replace(expansion, coefficients=coefficients)
