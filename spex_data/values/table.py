"""The table of values: one row a fine-tune, one column a target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROLES = ("train", "heldout", "verify", "verify-filtered")
"""What masks are for: to decode, to judge by, and to test what was found."""


@dataclass(frozen=True)
class ValueTable:
    """What was measured, row by row.

    Attributes:
        targets: Name of each of the t targets; no two alike.
        masks: bool[r, n_groups].
        roles: str[r], of ROLES.
        seeds: int64[r], the training seed.
        values: float64[r, t], higher is better; NaN where the fine-tune failed or was not done.
        causes: str[r] or None: why a row failed.
    """

    targets: tuple[str, ...]
    masks: NDArray[np.bool_]
    roles: tuple[str, ...]
    seeds: NDArray[np.int64]
    values: NDArray[np.float64]
    causes: tuple[str | None, ...]

    def __len__(self) -> int:
        return len(self.roles)

    @property
    def n_groups(self) -> int:
        """Width of the masks."""
        return int(self.masks.shape[1])

    def aligned(self, role: str = "train") -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Distinct masks of a role with their mean over seeds; masks with no value are left out.

        Args:
            role: Which rows.

        Returns:
            (masks bool[m, n_groups] in the order first seen, values float64[m, t]).
        """
        masks, replicates = self.replicates(role)
        known = ~np.isnan(replicates)
        counts = known.sum(axis=1)
        sums = np.where(known, replicates, 0.0).sum(axis=1)
        means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
        whole = ~np.isnan(means).any(axis=1)
        return masks[whole], means[whole]

    def replicates(self, role: str = "heldout") -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Distinct masks of a role with each seed's value.

        Args:
            role: Which rows.

        Returns:
            (masks bool[m, n_groups], values float64[m, k, t]), k the largest number of seeds a mask has;
            NaN where a mask has fewer, or one failed.
        """
        places: dict[bytes, list[int]] = {}
        for row, mask in enumerate(np.packbits(self.masks, axis=1)):
            if self.roles[row] == role:
                places.setdefault(mask.tobytes(), []).append(row)
        width = max((len(rows) for rows in places.values()), default=0)
        values = np.full((len(places), width, len(self.targets)), np.nan)
        for place, rows in enumerate(places.values()):
            values[place, : len(rows)] = self.values[rows]
        first = [rows[0] for rows in places.values()]
        return self.masks[first].reshape(len(first), self.n_groups), values

    def failed(self) -> list[int]:
        """Rows whose fine-tune failed with a cause."""
        return [row for row, cause in enumerate(self.causes) if cause is not None]
