"""A monotone link between values and scores that are normal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)


@dataclass(frozen=True, eq=False)
class Link:
    """The piecewise linear map of values to the normal scores of their ranks.

    Attributes:
        values: float64[u], the different values, ascending.
        scores: float64[u], their normal scores (van der Waerden 1952), ties at their mean rank.
    """

    values: NDArray[np.float64]
    scores: NDArray[np.float64]

    @classmethod
    def fit(cls, values: NDArray[np.float64]) -> Link:
        """The link of a sample float64[m]."""
        different, first = np.unique(values, return_index=True)
        ranks = rankdata(values)[first]
        return cls(different, ndtri((ranks - 0.5) / len(values)))

    def score(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The scores of values, those beyond the sample's range at its ends."""
        return np.interp(values, self.values, self.scores)

    def mean(self, scores: NDArray[np.float64], deviation: float) -> NDArray[np.float64]:
        """The mean value where scores are normal, by Gauss-Hermite quadrature.

        Args:
            scores: float64[q], their means.
            deviation: Their standard deviation.

        Returns:
            float64[q], within the sample's range.
        """
        reached = np.interp(scores[:, None] + deviation * _NODES, self.scores, self.values)
        return np.asarray(reached @ (_WEIGHTS / _WEIGHTS.sum()))
