"""What a decoder found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spex_data.decoding.diagnostics import Diagnostics
from spex_data.decoding.interactions import Interaction, predicted_interactions, ranked_interactions
from spex_data.decoding.target_fit import TargetFit
from spex_data.decoding.uncertainty.certainty import (
    Estimate,
    cross_fits,
    masks_for_width,
    one,
    with_discoveries,
    with_intervals,
)
from spex_data.decoding.uncertainty.debiased import CrossFit, Estimates
from spex_data.errors import DecodingError, MaskError
from spex_data.masks import MaskDistribution, as_masks
from spex_data.spectra import FourierExpansion, Term, canonical


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
        values: float64[m, t] of these masks; None leaves intervals to the fit that is listed from.
        noise: float64[m, t], noise variance of these values, where repeated masks tell it.
        lawful: bool[m], which masks are draws from the distribution, from which alone intervals and tests are
            made; None for all.
    """

    method: str
    distribution: MaskDistribution
    masks: NDArray[np.bool_]
    fits: tuple[TargetFit, ...]
    n_rows: int
    single: bool
    values: NDArray[np.float64] | None = None
    noise: NDArray[np.float64] | None = None
    lawful: NDArray[np.bool_] | None = None

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

    @cached_property
    def cross_fits(self) -> tuple[CrossFit | None, ...]:
        """What intervals are made from, one for each target; None where that is the fit listed from."""
        if self.values is None:
            return (None,) * len(self.fits)
        folds = [fit.folds for fit in self.fits]
        return tuple(
            cross_fits(self.masks, self.distribution, self.values, self.noise, folds, lawful=self.lawful)
        )

    def interactions(
        self, max_order: int = 3, *, level: float = 0.9, fdr: float | None = None, seed: int = 0
    ) -> list[Interaction] | list[list[Interaction]]:
        """The sets of groups that act, most important first, with intervals.

        Every single group, and the 1,000 largest other sets of what predicts. Intervals are cross-fitted (see
        `estimate`): they know what the fit shrank and left out, and cover at their level for sets that were
        chosen without a look at the values. A value that lies outside its interval is moved to the nearer
        end, so intervals are not centred on values.

        With `fdr`, all sets up to `max_order` are tested, and of the interactions that are `reported` about
        this share at most is there by chance, as of the single groups by themselves. Reported sets that the
        fit does not hold join the list, and intervals of reported sets are those GIVEN that they were
        reported: these cover at their level among what is reported, are wider near the threshold, and may
        then include 0. Only retraining can confirm a set (spex_data.verification).

        Where there is nothing to cross-fit, because masks do not look as if drawn from their distribution or
        fits were not kept, intervals are those of the best single fit on the terms that it chose, which cover
        less often, and nothing is tested.

        Args:
            max_order: Largest set listed.
            level: Coverage that the interval is made for.
            fdr: False discovery rate; None to test nothing.
            seed: Of the phantom groups that tests are calibrated with.

        Returns:
            Interactions by descending absolute value, order 1 included; one list a target if there is an
            axis of targets.

        Raises:
            DecodingError: A level or a rate that is not between 0 and 1.
        """
        _check_share("level", level)
        if fdr is not None:
            _check_share("fdr", fdr)
        found = [self._listed(target, max_order, level, fdr, seed) for target in range(len(self.fits))]
        return found[0] if self.single else found

    def estimate(
        self, members: Iterable[int], *, level: float = 0.9
    ) -> Estimate | list[Estimate | None] | None:
        """The mean discrete derivative of any set, whether a fit holds it or not, with its interval.

        It is estimated without the bias of any fit: what fits without a fold say, corrected by the residuals
        of that fold (spex_data.decoding.uncertainty.debiased).

        Args:
            members: S, in any order; not empty.
            level: Coverage of the interval.

        Returns:
            An Estimate; one a target if there is an axis of targets; None where there is nothing to
            cross-fit.

        Raises:
            DecodingError: Not groups of this result, or a level that is not between 0 and 1.
        """
        _check_share("level", level)
        found = [None if each is None else one(each, level) for each in self._estimates(members)]
        return found[0] if self.single else found

    def superset_sum(
        self, members: Iterable[int], weights: Sequence[float], *, level: float = 0.9
    ) -> Estimate | list[Estimate | None] | None:
        """The sum over sets U that contain S of weights[|U| - |S|] times the mean discrete derivative of U.

        Interaction indices are such sums (spex_data.indices.index_estimate).

        Args:
            members: S, in any order; not empty.
            weights: For supersets with 0, 1, ... more groups; larger ones have none.
            level: Coverage of the interval.

        Returns:
            As `estimate` does; None also for stratified masks.

        Raises:
            DecodingError: As for `estimate`.
        """
        _check_share("level", level)
        term = self._checked(members)
        bernoulli = self.distribution.scheme == "bernoulli"
        found = [
            one(each.superset_sum(term, weights), level) if each is not None and bernoulli else None
            for each in self.cross_fits
        ]
        return found[0] if self.single else found

    def masks_for_width(
        self, members: Iterable[int], width: float, *, level: float = 0.9
    ) -> int | list[int | None] | None:
        """How many masks it takes until the interval of a set is as narrow as asked for.

        Widths fall like 1 / sqrt(number of masks), with the spread of the residuals as it is now: the noise
        of the values and what the decoder does not explain. More masks explain more, so it will rather be
        fewer.

        Args:
            members: S, in any order; not empty.
            width: Of the whole interval, in units of the values.
            level: Coverage of the interval.

        Returns:
            Number of different draws, those at hand included; one a target if there is an axis of targets;
            None where the width is not known.

        Raises:
            DecodingError: Not groups of this result, a width that is not positive, or a level that is not
                between 0 and 1.
        """
        _check_share("level", level)
        if not width > 0:
            raise DecodingError(f"is {width}", where="width", instead="write a number above 0")
        found = [
            None if each is None else masks_for_width(each, self._n_draws, width, level)
            for each in self._estimates(members)
        ]
        return found[0] if self.single else found

    @property
    def _n_draws(self) -> int:
        return len(self.masks) if self.lawful is None else int(self.lawful.sum())

    def _estimates(self, members: Iterable[int]) -> list[Estimates | None]:
        term = self._checked(members)
        return [None if each is None else each.estimates([term]) for each in self.cross_fits]

    def _checked(self, members: Iterable[int]) -> Term:
        term = canonical(members)
        n_groups = self.masks.shape[1]
        if not term or term[0] < 0 or term[-1] >= n_groups:
            raise DecodingError(
                f"is {term}", where="members", instead=f"give numbers from 0 to {n_groups - 1}, at least one"
            )
        return term

    def _listed(
        self, target: int, max_order: int, level: float, fdr: float | None, seed: int
    ) -> list[Interaction]:
        fit, cross = self.fits[target], self.cross_fits[target]
        if fit.support is None:
            return []
        moment = self.distribution.parity_moment
        if cross is None:
            return ranked_interactions(fit.support, self.masks, moment, max_order=max_order, level=level)
        listed = predicted_interactions(fit.expansion, moment, max_order=max_order)
        moved = with_intervals(listed, cross, level)
        if fdr is not None:
            return with_discoveries(
                moved,
                cross,
                fit.expansion,
                acting=fit.acting,
                max_order=max_order,
                level=level,
                rate=fdr,
                seed=seed,
            )
        return sorted(moved, key=lambda each: (-abs(each.value), each.order, each.members))


def _check_share(where: str, share: float) -> None:
    if not 0 < share < 1:
        raise DecodingError(f"is {share}", where=where, instead="write a number between 0 and 1")
