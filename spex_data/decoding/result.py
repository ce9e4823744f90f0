"""What a decoder found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spex_data.decoding.crossfit import FoldFits
from spex_data.decoding.interactions import Interaction, Support, ranked_interactions
from spex_data.errors import DecodingError, MaskError
from spex_data.masks import MaskDistribution, as_masks
from spex_data.spectra import FourierExpansion, renamed


@dataclass(frozen=True)
class Diagnostics:
    """How one target was decoded.

    Attributes:
        n_masks: Different masks decoded from.
        n_duplicates: Rows that were averaged into another row of the same mask.
        constant: Whether all values are equal, so that there is nothing but their mean.
        n_terms: Terms of the expansion that predicts, the constant included.
        cv_r2: Out-of-fold R2 on the masks decoded from, a little above what new masks give; None if unknown.
        scores: Out-of-fold R2 of each candidate that was compared.
        settings: What was chosen, by name.
    """

    n_masks: int
    n_duplicates: int
    constant: bool = False
    n_terms: int = 1
    cv_r2: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, float | int | str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class TargetFit:
    """What an algorithm found for one target.

    Attributes:
        expansion: What predicts, coefficients float64[k].
        support: The single fit that interactions are listed from; None if there is only a mean.
        cv_r2, scores, settings: As in Diagnostics.
        out_of_fold: float64[m], what fits without a row say of it; None if unknown.
        folds: These fits, or what is kept of them; None if they were not kept.
    """

    expansion: FourierExpansion
    support: Support | None = None
    cv_r2: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, float | int | str] = field(default_factory=dict)
    out_of_fold: NDArray[np.float64] | None = None
    folds: FoldFits | None = None

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
        )


@dataclass(frozen=True, eq=False)
class Decoded:
    """A set function recovered from values of some masks.

    Where values were float64[m], results lose the axis of targets.

    Attributes:
        method: Name of the decoder.
        distribution: What backgrounds interactions are means over.
        masks: bool[m, n_groups], the different masks decoded from.
        fits: One for each of the t targets.
        n_rows: Rows given.
        single: Whether there was one target without an axis of its own.
    """

    method: str
    distribution: MaskDistribution
    masks: NDArray[np.bool_]
    fits: tuple[TargetFit, ...]
    n_rows: int
    single: bool

    @cached_property
    def expansion(self) -> FourierExpansion:
        """What predicts, all targets together: coefficients float64[k], or float64[k, t]."""
        if self.single:
            return self.fits[0].expansion
        terms = {term for fit in self.fits for term in fit.expansion.terms}
        ordered = tuple(sorted(terms, key=lambda term: (len(term), term)))
        place = {term: row for row, term in enumerate(ordered)}
        table = np.zeros((len(ordered), len(self.fits)))
        for column, fit in enumerate(self.fits):
            table[[place[term] for term in fit.expansion.terms], column] = fit.expansion.coefficients
        return FourierExpansion(self.masks.shape[1], ordered, table)

    @property
    def diagnostics(self) -> Diagnostics | tuple[Diagnostics, ...]:
        """How each target was decoded."""
        found = tuple(
            Diagnostics(
                n_masks=len(self.masks),
                n_duplicates=self.n_rows - len(self.masks),
                constant=fit.support is None,
                n_terms=len(fit.expansion.terms),
                cv_r2=fit.cv_r2,
                scores=fit.scores,
                settings=fit.settings,
            )
            for fit in self.fits
        )
        return found[0] if self.single else found

    def evaluate(self, masks: ArrayLike) -> NDArray[np.float64]:
        """The value predicted for each mask.

        Args:
            masks: bool[m, n_groups].

        Returns:
            float64[m], or float64[m, t].

        Raises:
            DecodingError: Not masks over these groups.
        """
        try:
            rows = as_masks(masks, n_groups=self.masks.shape[1])
        except MaskError as error:
            raise DecodingError(error.what, where=error.where, instead=error.instead) from error
        columns = [fit.expansion.evaluate(rows) for fit in self.fits]
        return columns[0] if self.single else np.stack(columns, axis=1)

    def coefficient(self, members: Iterable[int]) -> float | NDArray[np.float64]:
        """The Fourier coefficient F(S) of what predicts; 0 where it has no such term.

        Args:
            members: S, in any order.

        Returns:
            float, or float64[t].
        """
        term = tuple(members)
        found = [fit.expansion.coefficient(term) for fit in self.fits]
        return found[0] if self.single else np.array(found)

    def interactions(
        self, max_order: int = 3, *, level: float = 0.9
    ) -> list[Interaction] | list[list[Interaction]]:
        """The sets of groups that act, most important first, with intervals.

        They are read off the best single fit, a ridge regression on its terms, and not off what predicts,
        which may be a blend. An interval is value -+ t sqrt(a' V a), with V the HC3 covariance of the
        regression's coefficients and a the weights that make the value of them. It holds for the TERMS THAT
        WERE CHOSEN: it knows the noise of the values and how well the masks tell these terms apart. It does
        not know that they were chosen on the same masks, what ridge shrank, or what was left out. So it
        covers less often than its level.

        Args:
            max_order: Largest set listed.
            level: Coverage that the interval is made for.

        Returns:
            Interactions by descending absolute value, order 1 included; one list a target if there is an
            axis of targets. Sets that are not listed have a value of 0 in the fit.
        """
        moment = self.distribution.parity_moment
        found = [
            []
            if fit.support is None
            else ranked_interactions(fit.support, self.masks, moment, max_order=max_order, level=level)
            for fit in self.fits
        ]
        return found[0] if self.single else found
