"""What a decoder is, and what one algorithm has to give to become one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from numpy.typing import ArrayLike

from spex_data.decoding.problem import Problem
from spex_data.decoding.result import Decoded
from spex_data.decoding.simulated import Simulated
from spex_data.decoding.target_fit import TargetFit
from spex_data.masks import MaskDesign, MaskDistribution


class Decoder(Protocol):
    """Recovers an expansion of a set function from values of some masks."""

    @property
    def name(self) -> str:
        """The name it is asked for by."""
        ...

    def decode(
        self,
        masks: ArrayLike,
        values: ArrayLike,
        *,
        design: MaskDesign | MaskDistribution | None = None,
        features: Simulated | None = None,
        groups: ArrayLike | None = None,
    ) -> Decoded:
        """Decodes.

        Args:
            masks: bool[m, n_groups]; rows of the same mask are averaged.
            values: float64[m], or float64[m, t] for t targets, in any unit; higher is better.
            design: What the masks were drawn from, which interactions are means over; if None, Bernoulli with
                the share of ones in `masks`.
            features: What a surrogate says of masks, for the method that uses it, `auto`.
            groups: int[m], fold labels: rows of one label stay in one fold of cross-validation. If None,
                a mask and its complement share one.

        Raises:
            DecodingError: What is given cannot be decoded.
        """
        ...


class Algorithm(Protocol):
    """One way to decode, given a problem that has been checked."""

    def fit(self, problem: Problem) -> Sequence[TargetFit]:
        """One fit for each target; no target is constant, and there are at least 2 groups."""
        ...
