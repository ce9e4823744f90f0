"""What a Gaussian process over masks does not know yet of some masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding.basis import centred
from spex_data.decoding.gaussian.evidence import CONSTANT
from spex_data.decoding.gaussian.fit import fit_gp, largest_order
from spex_data.decoding.gaussian.kernel import Scales, kernel

_MAX_ORDER = 5
_LEAST = 1e-12


@dataclass(frozen=True, eq=False)
class Belief:
    """Posterior covariances of one target, in units of the values' variance.

    Attributes:
        covariance: float64[c, c + r], of c candidate masks with each other and with r masks of the law.
        noise: Noise variance of one value.
    """

    covariance: NDArray[np.float64]
    noise: float

    @property
    def n_candidates(self) -> int:
        """c."""
        return len(self.covariance)

    def gains(self) -> NDArray[np.float64]:
        """By how much measuring each candidate lowers the variance at the masks of the law, on average.

        The fall of a mask's variance by a value of candidate c is Cov(m, c)^2 / (Var(c) + noise) (Cohn 1996,
        "Neural network exploration using optimal experiment design": the integrated variance).

        Returns:
            float64[c].
        """
        across = self.covariance[:, self.n_candidates :]
        return np.asarray((across**2).mean(axis=1) / self._predicted)

    def measured(self, candidate: int) -> Belief:
        """The covariances once a candidate has a value, whatever it is."""
        column = self.covariance[:, candidate] / self._predicted[candidate]
        return Belief(self.covariance - np.outer(column, self.covariance[candidate]), self.noise)

    @property
    def _predicted(self) -> NDArray[np.float64]:
        """float64[c], the variance of a candidate's value to come."""
        return np.maximum(np.diag(self.covariance[:, : self.n_candidates]), 0.0) + self.noise + _LEAST


def beliefs(
    masks: NDArray[np.bool_],
    values: NDArray[np.float64],
    candidates: NDArray[np.bool_],
    reference: NDArray[np.bool_],
    *,
    p: float,
    seed: int,
) -> list[Belief]:
    """What each target's process knows after some masks.

    Args:
        masks: bool[m, n_groups].
        values: float64[m, t], none of the targets constant.
        candidates: bool[c, n_groups], masks that may be measured next.
        reference: bool[r, n_groups], masks of the law at which it is to be known.
        p: How often groups are present under the law.
        seed: Of the rows that scales are chosen on, where there are many.

    Returns:
        One a target.
    """
    basis = centred(p)
    seen, asked = basis.factors(masks), basis.factors(np.vstack([candidates, reference]))
    order = largest_order(masks.shape[1], _MAX_ORDER)
    found = []
    for column in values.T:
        standard = (column - column.mean()) / column.std()
        fit = fit_gp(seen, standard, order, np.random.default_rng(seed))
        known = _covariance(asked, seen, fit.posterior.scales)
        prior = _covariance(asked[: len(candidates)], asked, fit.posterior.scales)
        covariance = prior - known[: len(candidates)] @ fit.precision @ known.T
        found.append(Belief(covariance, float(np.median(fit.noise))))
    return found


def total_gains(each: Sequence[Belief]) -> NDArray[np.float64]:
    """float64[c], the gains of all targets, whose values are all of unit variance, together."""
    return np.sum([belief.gains() for belief in each], axis=0)


def _covariance(left: NDArray[np.float64], right: NDArray[np.float64], scales: Scales) -> NDArray[np.float64]:
    return kernel(left, right, scales) + CONSTANT
