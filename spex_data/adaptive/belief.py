"""What a Gaussian process over masks does not know yet of some masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding.basis import centred
from spex_data.decoding.gaussian.evidence import CONSTANT
from spex_data.decoding.gaussian.fit import fit_gp, largest_order
from spex_data.decoding.gaussian.kernel import kernel
from spex_data.decoding.one_thread import one_thread

_MAX_ORDER = 5
_LEAST_NOISE = 1e-6
"""Of the values' variance, for values without noise."""


@dataclass(frozen=True, eq=False)
class Belief:
    """Posterior covariances of one target at some masks, in units of the values' variance.

    Attributes:
        covariance: float64[c, c].
        noise: Noise variance of one value.
    """

    covariance: NDArray[np.float64]
    noise: float

    def information(self) -> NDArray[np.float64]:
        """What a value of each mask would tell of the set function: log(1 + Var / noise) / 2, in nats.

        (MacKay 1992, "Information-based objective functions for active data selection".)

        Returns:
            float64[c].
        """
        return np.asarray(0.5 * np.log1p(np.maximum(np.diag(self.covariance), 0.0) / self.noise))

    def measured(self, place: int) -> Belief:
        """The covariances once the mask at a place has a value, whatever it is."""
        column = self.covariance[:, place]
        left = self.covariance - np.outer(column, column) / (column[place] + self.noise)
        return Belief(left, self.noise)


def beliefs(
    masks: NDArray[np.bool_], values: NDArray[np.float64], asked: NDArray[np.bool_], *, p: float, seed: int
) -> list[Belief]:
    """What each target's process knows of some masks after the values of others.

    Args:
        masks: bool[m, n_groups].
        values: float64[m, t], none of the targets constant.
        asked: bool[c, n_groups].
        p: How often groups are present under the law.
        seed: Of the rows that scales are chosen on, where there are many.

    Returns:
        One a target.
    """
    basis = centred(p)
    seen, factors = basis.factors(masks), basis.factors(asked)
    order = largest_order(masks.shape[1], _MAX_ORDER)
    found = []
    for column in values.T:
        standard = (column - column.mean()) / column.std()
        with one_thread():
            fit = fit_gp(seen, standard, order, np.random.default_rng(seed))
        scales = fit.posterior.scales
        across = kernel(factors, seen, scales) + CONSTANT
        covariance = kernel(factors, factors, scales) + CONSTANT - across @ fit.precision @ across.T
        found.append(Belief(covariance, max(float(np.median(fit.noise)), _LEAST_NOISE)))
    return found


def most_informative(each: Sequence[Belief], count: int) -> list[int]:
    """Places of `count` masks that tell most together, each chosen as if those before it were measured.

    What a set of masks tells is submodular, so this is at least 1 - 1/e of what the best set would tell.

    Args:
        each: Of all targets, at the same masks.
        count: At most as many as there are masks.
    """
    taken: list[int] = []
    known = list(each)
    for _ in range(count):
        told = np.sum([belief.information() for belief in known], axis=0)
        told[taken] = -1.0
        taken.append(int(told.argmax()))
        known = [belief.measured(taken[-1]) for belief in known]
    return taken
