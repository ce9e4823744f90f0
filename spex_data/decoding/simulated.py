"""What a surrogate says of masks, as a decoder is given it: numbers alone, and an expansion of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding.basis import Basis
from spex_data.decoding.gaussian.cube import term_sums
from spex_data.decoding.gaussian.evidence import CONSTANT, SHARES
from spex_data.decoding.gaussian.fit import largest_order
from spex_data.decoding.gaussian.kernel import Scales, kernel
from spex_data.decoding.gaussian.support import prior_variances
from spex_data.errors import DecodingError, StoreError
from spex_data.spectra import Term
from spex_data.values import whole_file

LEAST_MASKS = 100
_ORDER = 3
"""Largest set: what a surrogate says of larger ones is not worth its terms."""
_NOISES = (0.001, 0.01, 0.03, 0.1, 0.3)
"""Share of the variance that is left to larger sets, to choose from."""


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
        """Reads what `save` wrote; None where it is of other targets.

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
        return cls(masks, values) if names == list(targets) else None

    def expanded(self, basis: Basis, max_order: int) -> Guide:
        """The readings as expansions: one Gaussian process, equal rates for all groups, serves them all."""
        n, count = self.masks.shape[1], len(self.masks)
        order = largest_order(n, min(max_order, _ORDER))
        terms = tuple(term for size in range(1, order + 1) for term in combinations(range(n), size))
        columns = self.values.reshape(count, -1)
        middle, spread = columns.mean(axis=0), columns.std(axis=0)
        moving = spread > 1e-9 * np.maximum(np.abs(columns).max(axis=0), 1e-300)
        scaled = np.where(moving, columns - middle, 0.0) / np.where(moving, spread, 1.0)
        factors = basis.factors(self.masks)
        scales = _equal_scales(n, order)
        squares, vectors = np.linalg.eigh(kernel(factors, factors, scales) + CONSTANT)
        projected = vectors.T @ scaled
        best: tuple[float, NDArray[np.float64], NDArray[np.float64]] | None = None
        for noise in _NOISES:
            inverse = 1.0 / (np.maximum(squares, 0.0) + noise)
            weights = vectors @ (inverse[:, None] * projected)
            errors = weights / ((vectors**2) @ inverse)[:, None]
            cost = float((errors**2).mean())
            if best is None or cost < best[0]:
                best = cost, weights, 1.0 - (errors**2).mean(axis=0)
        assert best is not None
        found = prior_variances(terms, scales)[:, None] * term_sums(factors, best[1], terms)
        return Guide(
            terms,
            found.reshape(len(terms), *self.values.shape[1:]),
            best[2].reshape(self.values.shape[1:]),
        )


@dataclass(frozen=True, eq=False)
class Guide:
    """Readings as expansions in a basis, of unit variance over the masks they were told from.

    Attributes:
        terms: Sets of groups, () not among them.
        coefficients: float64[terms, t, k].
        fidelity: float64[t, k], R2 of each expansion on masks it has not seen (leave-one-out).
    """

    terms: tuple[Term, ...]
    coefficients: NDArray[np.float64]
    fidelity: NDArray[np.float64]

    def rows(self, columns: NDArray[np.float64], target: int) -> NDArray[np.float64]:
        """float64[m, k], a target's readings of masks whose terms are float64[m, terms]."""
        return columns @ self.coefficients[:, target]


def _equal_scales(n_groups: int, order: int) -> Scales:
    """Scales under which sets of each size share what SHARES gives them."""
    levels = [SHARES[size - 1] / comb(n_groups, size) for size in range(1, order + 1)]
    return Scales(np.ones(n_groups), np.array(levels))


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
