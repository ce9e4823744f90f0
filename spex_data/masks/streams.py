"""Endless streams of candidate masks, a random column for each group.

Every group has a stream of its own, seeded by its identity. So a study with one more group draws the masks
it had before, each with or without the new group, and renaming or reordering groups changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from spex_data.masks.distribution import MaskDistribution

ENUMERABLE = 16
"""Up to this many groups a stream ends by listing every mask that chance left out."""
_BLOCK = 512
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def seed_from(*parts: object) -> int:
    """A seed in [0, 2^53) from a hash of the parts (exact in every language that reads JSON)."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 11


def uniforms(seed: int, stream: str, keys: Sequence[str], draws: NDArray[np.int64]) -> NDArray[np.float64]:
    """Numbers in [0, 1), each decided by (seed, stream, key, draw) alone (SplitMix64 as a counter).

    Args:
        seed: The study's seed.
        stream: Name of the stream.
        keys: One key a column.
        draws: int64[k], the draw numbers.

    Returns:
        float64[k, len(keys)].
    """
    states = [blake2b(f"{seed}\x1f{stream}\x1f{key}".encode(), digest_size=8).digest() for key in keys]
    state = np.frombuffer(b"".join(states), dtype=">u8").astype(np.uint64)
    with np.errstate(over="ignore"):
        z = state[None, :] + (draws.astype(np.uint64)[:, None] + np.uint64(1)) * _GOLDEN
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def candidates(
    distribution: MaskDistribution, keys: Sequence[str], *, seed: int, stream: str
) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Draws masks without end, or until every mask has come (at most `ENUMERABLE` groups).

    Args:
        distribution: What to draw from.
        keys: Identity of each group.
        seed: The study's seed.
        stream: "training", "heldout", ...; streams are independent.

    Yields:
        (draw number, mask bool[n_groups]); masks may repeat.
    """
    n = distribution.n_groups
    end = 8 * 2**n if n <= ENUMERABLE else None
    start = 0
    while end is None or start < end:
        draws = np.arange(start, start + _BLOCK if end is None else min(start + _BLOCK, end))
        for draw, mask in zip(draws, _draw(distribution, keys, seed, stream, draws), strict=True):
            yield int(draw), mask
        start += _BLOCK
    everything = (np.arange(2**n)[:, None] >> np.arange(n)) & 1 == 1
    order = np.argsort(
        uniforms(seed, f"{stream}/rest", [identity(keys, row) for row in everything], np.zeros(1, np.int64))[
            0
        ]
    )
    for place, row in enumerate(order):
        yield (end or 0) + place, everything[row]


def _draw(
    distribution: MaskDistribution, keys: Sequence[str], seed: int, stream: str, draws: NDArray[np.int64]
) -> NDArray[np.bool_]:
    u = uniforms(seed, stream, keys, draws)
    if distribution.scheme != "stratified":
        return u < distribution.p
    sizes = _sizes(distribution.n_groups, seed, stream, draws)
    rank = u.argsort(axis=1).argsort(axis=1)
    return rank < sizes[:, None]


def _sizes(n: int, seed: int, stream: str, draws: NDArray[np.int64]) -> NDArray[np.int64]:
    """One size a draw: every n + 1 draws hold each size 0..n once, in an order drawn anew."""
    blocks, places = np.divmod(draws, n + 1)
    names = [f"size-{size}" for size in range(n + 1)]
    orders = uniforms(seed, f"{stream}/sizes", names, np.arange(blocks[0], blocks[-1] + 1)).argsort(axis=1)
    return orders[blocks - blocks[0], places]


def identity(keys: Sequence[str], mask: NDArray[np.bool_]) -> str:
    """A name of a set of groups that does not depend on their order."""
    return ",".join(sorted(key for key, present in zip(keys, mask, strict=True) if present))
