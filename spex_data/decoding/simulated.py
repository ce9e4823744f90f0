"""What a surrogate says of masks, as a decoder is given it: numbers alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from spex_data.errors import DecodingError, StoreError
from spex_data.values import whole_file

LEAST_MASKS = 100


@dataclass(frozen=True, eq=False)
class Simulated:
    """Values that a surrogate gives masks, in several readings of each target.

    Attributes:
        masks: bool[q, n_groups], drawn as the study's own are; they need not be among those decoded.
        values: float64[q, t, k], k readings, such as times of a simulated training.

    Raises:
        DecodingError: Shapes that do not fit, values that are not finite, or fewer than 100 masks.
    """

    masks: NDArray[np.bool_]
    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.masks.ndim != 2 or len(self.masks) != len(self.values):
            raise DecodingError(
                f"has values of shape {self.values.shape} for masks of shape {self.masks.shape}",
                where="features",
                instead="give values float64[q, t, k] for masks bool[q, n_groups]",
            )
        if len(self.masks) < LEAST_MASKS:
            raise DecodingError(
                f"holds {len(self.masks)} masks",
                where="features",
                instead=f"simulate at least {LEAST_MASKS}, and better 1,000",
            )
        if not np.isfinite(self.values).all():
            raise DecodingError(
                "holds values that are not finite", where="features", instead="leave out what did not train"
            )

    def of(self, targets: NDArray[np.bool_], groups: NDArray[np.int64]) -> Simulated:
        """Some targets, over some groups: the others then count as noise.

        Args:
            targets: bool[t].
            groups: Their numbers.
        """
        return replace(self, masks=self.masks[:, groups], values=self.values[:, targets])

    def save(self, path: Path, targets: Sequence[str]) -> None:
        """Writes one npz file, whole or not at all.

        Args:
            path: The file.
            targets: t names.

        Raises:
            StoreError: The disk is full or read-only.
        """
        with whole_file(path) as temporary, temporary.open("wb") as file:
            names = np.array(list(targets), dtype=np.str_)
            np.savez(file, masks=self.masks, values=self.values, targets=names)

    @classmethod
    def load(cls, path: Path, targets: Sequence[str]) -> Simulated | None:
        """Reads what `save` wrote of some targets; None where it does not know all of them.

        Args:
            path: The file.
            targets: Names.

        Raises:
            StoreError: Not such a file.
        """
        try:
            with np.load(path, allow_pickle=False) as held:
                masks, values, names = held["masks"], held["values"], held["targets"].tolist()
        except (OSError, KeyError, ValueError, BadZipFile) as error:
            raise StoreError(
                f"holds no simulated values ({error})",
                where=str(path),
                instead="remove it and run again, or write decoding.surrogate: off",
            ) from error
        if names == list(targets):
            return cls(masks, values)
        place = {name: at for at, name in enumerate(names)}
        known = len(place) == len(names) and set(targets) <= set(place)
        return cls(masks, values[:, [place[name] for name in targets]]) if known else None


def check_features(features: Simulated, n_groups: int, n_targets: int) -> None:
    """Refuses features of other groups or targets than those decoded.

    Raises:
        DecodingError: They do not fit.
    """
    found: Sequence[int] = (features.masks.shape[1], features.values.shape[1])
    if tuple(found) != (n_groups, n_targets):
        raise DecodingError(
            f"are of {found[0]} groups and {found[1]} targets, and {n_groups} and {n_targets} are decoded",
            where="features",
            instead="simulate the same study",
        )
