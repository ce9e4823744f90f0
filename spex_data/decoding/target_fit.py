"""What an algorithm found for one target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding.support import Support
from spex_data.decoding.uncertainty.crossfit import FoldFits
from spex_data.spectra import FourierExpansion, Term, renamed


@dataclass(frozen=True, eq=False)
class TargetFit:
    """What an algorithm found for one target.

    Attributes:
        expansion: What predicts, coefficients float64[k].
        support: The single fit that interactions are listed from; None if there is only a mean.
        cv_r2, scores, settings: As in Diagnostics.
        out_of_fold: float64[m], what fits without a row say of it; None if unknown.
        folds: These fits, or what is kept of them; None if they were not kept.
        acting: How likely sets of two or more groups are to act at all, those left out as good as never;
            None if the algorithm does not say.
    """

    expansion: FourierExpansion
    support: Support | None = None
    cv_r2: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, float | int | str] = field(default_factory=dict)
    out_of_fold: NDArray[np.float64] | None = None
    folds: FoldFits | None = None
    acting: Mapping[Term, float] | None = None

    def rescaled(self, mean: float, scale: float) -> TargetFit:
        """The fit of scale * values + mean, for algorithms that standardise values first."""
        coefficients = self.expansion.coefficients * scale
        coefficients[self.expansion.terms.index(())] += mean
        return replace(
            self,
            expansion=replace(self.expansion, coefficients=coefficients),
            support=None if self.support is None else self.support.rescaled(mean, scale),
            out_of_fold=None if self.out_of_fold is None else mean + scale * self.out_of_fold,
            folds=None if self.folds is None else self.folds.rescaled(mean, scale),
        )

    def relabelled(self, n_groups: int, places: NDArray[np.int64]) -> TargetFit:
        """The fit with group i called places[i], in ascending order, among more groups without effect."""
        expansion, terms = self.expansion, renamed(self.expansion.terms, places)
        return replace(
            self,
            expansion=FourierExpansion(n_groups, terms, expansion.coefficients),
            support=None if self.support is None else self.support.relabelled(n_groups, places),
            folds=None if self.folds is None else self.folds.relabelled(n_groups, places),
            acting=None if self.acting is None else _renamed(self.acting, places),
        )


def _renamed(acting: Mapping[Term, float], places: NDArray[np.int64]) -> dict[Term, float]:
    return dict(zip(renamed(tuple(acting), places), acting.values(), strict=True))
