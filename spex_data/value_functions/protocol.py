"""What everything that can be masked has in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from spex_data.training import AdapterBank


@dataclass(frozen=True)
class Measured:
    """Values of masks.

    Attributes:
        values: float64[m, n_targets], higher is better; NaN where the mask failed.
        causes: str[m] or None: why a mask failed.
        losses: float64[m], final training loss; NaN where there is none.
        bank: The adapters, where the values come from adapters.
    """

    values: NDArray[np.float64]
    causes: tuple[str | None, ...]
    losses: NDArray[np.float64]
    bank: AdapterBank | None = None


class ValueFunction(Protocol):
    """f(mask), one number a target, for a given seed."""

    @property
    def n_groups(self) -> int:
        """Width of the masks."""

    @property
    def target_names(self) -> tuple[str, ...]:
        """One name a target."""

    def with_targets(self, columns: Sequence[int]) -> ValueFunction:
        """The same one of some of its targets; it may measure others beside them."""

    def keys(self, masks: NDArray[np.bool_], seeds: NDArray[np.int64]) -> list[list[str]]:
        """Content key of every value, str[m][n_targets]: the hash of all that decides it."""

    def __call__(self, masks: NDArray[np.bool_], seeds: NDArray[np.int64]) -> Measured:
        """Measures masks, bool[m, n_groups], each with its seed, int64[m]."""
