"""Masks whose values name the sets they hold: subsampling coded by a BCH code (SPEX).

A block takes the masks

    m = offset + (combination l of b hash rows) + delay      over GF(2),

for all 2^b combinations and the delays 0, g_1, .., g_(r-b). A Walsh-Hadamard transform over l puts the
Fourier coefficient of every set k into the bin given by its products with the hash rows; the signs that it
has there under the delays are its products with these. Hash rows and delays together are r independent sums
of the code's checks, so bin and signs together are the checks of k, and a set alone in its bin is read off
them. (Kang et al., ICML 2025, SPEX; here the bin's own bits spare as many delays, and a random offset makes
every mask uniform.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spex_data.masks.bch import BchCode, bch_code, inverse_gf2, times_gf2
from spex_data.masks.streams import seed_from, uniforms

LEAST_BLOCKS, LEAST_BITS = 4, 2
"""With so many blocks of so many bits ten terms are told apart nearly always (benchmarks/spex.py)."""
_BLOCKS = 3
"""More bits are taken as long as so many blocks fit: what a bin holds of the noise falls with its size."""


@dataclass(frozen=True, eq=False)
class CodedBlock:
    """The masks of one Walsh-Hadamard transform for each of its delays.

    Attributes:
        offset: bool[n], added to every mask.
        rows: bool[r, n], independent sums of the code's checks: b hash rows, then r - b delays.
        from_products: bool[r, r], from the products of a set with the rows to its checks.
        bits: b.
    """

    offset: NDArray[np.bool_]
    rows: NDArray[np.bool_]
    from_products: NDArray[np.bool_]
    bits: int

    @property
    def n_bins(self) -> int:
        """2^b."""
        return int(2**self.bits)

    @property
    def n_delays(self) -> int:
        """Delays, 0 included."""
        return len(self.rows) - self.bits + 1

    @cached_property
    def masks(self) -> NDArray[np.bool_]:
        """bool[delays, bins, n]; bit i of the second index says whether hash row i is added."""
        combinations = (np.arange(self.n_bins)[:, None] >> np.arange(self.bits)) & 1 == 1
        hashed = times_gf2(combinations, self.rows[: self.bits])
        delays = np.vstack([np.zeros_like(self.offset), self.rows[self.bits :]])
        return np.asarray(delays[:, None, :] ^ hashed ^ self.offset)


@dataclass(frozen=True, eq=False)
class CodedDesign:
    """A code and the blocks that ask for it.

    Attributes:
        code: Its checks name sets of at most `degree` groups.
        blocks: At least one.
    """

    code: BchCode
    blocks: tuple[CodedBlock, ...]

    @property
    def degree(self) -> int:
        """Largest set that is read off."""
        return self.code.degree

    def restricted(self, places: NDArray[np.int64]) -> CodedDesign:
        """The design over some of the groups, the others left out of every mask."""
        blocks = tuple(
            replace(block, offset=block.offset[places], rows=block.rows[:, places]) for block in self.blocks
        )
        return CodedDesign(self.code.restricted(places), blocks)


def least_masks(n_groups: int, degree: int) -> int:
    """Masks of the smallest code for sets of at most `degree` of n groups."""
    return LEAST_BLOCKS * _block_size(bch_code(n_groups, degree).n_checks, LEAST_BITS)


def coded_design(keys: Sequence[str], *, budget: int, degree: int, seed: int) -> CodedDesign:
    """The largest code within a budget, the smallest there is where none is.

    A larger budget keeps the masks of a smaller one: blocks are added, and delays become hash rows.

    Args:
        keys: Identity of each group; the code does not depend on their order.
        budget: Masks.
        degree: Largest set that is read off.
        seed: The study's seed.

    Returns:
        A CodedDesign.

    Raises:
        MaskError: A degree below 1, or too many groups.
    """
    code = bch_code(len(keys), degree)
    names = np.zeros(1, dtype=np.int64)
    order = uniforms(seed, "locators", keys, names)[0].argsort(kind="stable").argsort(kind="stable")
    code = code.restricted(order)
    count, bits = _size(budget, code.n_checks)
    blocks = []
    for block in range(count):
        offset = uniforms(seed, "offsets", keys, np.array([block]))[0] < 0.5
        sums, inverse = _invertible(code.n_checks, seed_from(seed, "coded", degree, block))
        blocks.append(CodedBlock(offset, times_gf2(sums, code.checks), inverse, bits))
    return CodedDesign(code, tuple(blocks))


def _block_size(n_checks: int, bits: int) -> int:
    """Masks of a block."""
    bits = min(bits, n_checks)
    return int(2**bits * (n_checks - bits + 1))


def _size(budget: int, n_checks: int) -> tuple[int, int]:
    """(blocks, bits) of the largest code within a budget."""
    bits = min(LEAST_BITS, n_checks)
    while bits < n_checks and _BLOCKS * _block_size(n_checks, bits + 1) <= budget:
        bits += 1
    least = LEAST_BLOCKS if bits <= LEAST_BITS else _BLOCKS
    return max(least, budget // _block_size(n_checks, bits)), bits


def _invertible(size: int, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """A random invertible matrix over GF(2), and its inverse."""
    rng = np.random.default_rng(seed)
    while True:  # three in ten are
        matrix = rng.random((size, size)) < 0.5
        inverse = inverse_gf2(matrix)
        if inverse is not None:
            return matrix, inverse
