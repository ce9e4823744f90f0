"""A value function that is an expansion plus seed noise: its truth is known, a mask costs microseconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from spex_data.masks import mask_key
from spex_data.spectra import FourierExpansion
from spex_data.value_functions.protocol import Measured


@dataclass(frozen=True)
class Planted:
    """f(mask, seed) = expansion(mask) + noise, the noise decided by (seed, mask, target).

    Attributes:
        expansion: The truth, of one target or several.
        noise_sd: Standard deviation of the noise, in units of the value.
        target_names: One name a target.
    """

    expansion: FourierExpansion
    noise_sd: float = 0.0
    target_names: tuple[str, ...] = ("value",)

    @property
    def n_groups(self) -> int:
        """Width of the masks."""
        return self.expansion.n_groups

    def with_targets(self, columns: Sequence[int]) -> Planted:
        """This one: all targets come from one draw."""
        del columns
        return self

    def keys(self, masks: NDArray[np.bool_], seeds: NDArray[np.int64]) -> list[list[str]]:
        """Content key of every value."""
        coefficients = np.ascontiguousarray(self.expansion.coefficients).tobytes()
        truth = blake2b(
            repr((self.expansion.terms, self.noise_sd)).encode() + coefficients, digest_size=16
        ).hexdigest()
        return [
            [f"{truth}-{mask_key(mask)}-{int(seed)}-{target}" for target in range(len(self.target_names))]
            for mask, seed in zip(masks, seeds, strict=True)
        ]

    def __call__(self, masks: NDArray[np.bool_], seeds: NDArray[np.int64]) -> Measured:
        """Measures masks; the same mask and seed give the same values in any order."""
        values = self.expansion.evaluate(masks).reshape(len(masks), len(self.target_names)).copy()
        if self.noise_sd:
            for row, (mask, seed) in enumerate(zip(masks, seeds, strict=True)):
                generator = np.random.default_rng([int(seed), int(mask_key(mask), 16)])
                values[row] += self.noise_sd * generator.standard_normal(values.shape[1])
        return Measured(values, (None,) * len(masks), np.full(len(masks), np.nan))
