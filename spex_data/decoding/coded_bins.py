"""Reading sets of groups off the bins of a code's Walsh-Hadamard transforms, softly.

In block c the transform of values over the combinations of hash rows leaves in bin j, for delay d,

    U_c[d, j] = sum of F(k) (-1)^(k . (offset + d)) over the sets k with hash j,

so a set alone in its bin shows its products with the delays as signs, up to one sign of all of them. Noise
and other sets in the bin turn signs over, first those where little is left of U: the likeliest patterns of
wrong signs are tried in turn, and every pattern whose checks are those of a set makes that set a candidate.
(Chase 1972, the second algorithm; sets that share a bin in one block rarely do in another: Kang et al.,
ICML 2025.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, combinations

import numpy as np
from numpy.typing import NDArray

from spex_data.masks import CodedBlock, CodedDesign
from spex_data.masks.bch import times_gf2
from spex_data.spectra import Term, walsh_hadamard

_WEAKEST, _MOST_WRONG = 14, 4
"""Signs that are doubted, the weakest of a bin, and how many of them at once."""


@dataclass(frozen=True, eq=False)
class CodedBins:
    """A code and where its masks are among those that have values.

    Attributes:
        design: The code.
        rows: For each block int64[delays, bins], the row of each of its masks; -1 where it is missing.
    """

    design: CodedDesign
    rows: tuple[NDArray[np.int64], ...]

    @property
    def n_bins(self) -> int:
        """Bins of all blocks."""
        return sum(block.n_bins for block in self.design.blocks)

    @property
    def known(self) -> float:
        """Share of the code's masks that have a value."""
        return float(np.mean(np.concatenate([rows.reshape(-1) for rows in self.rows]) >= 0))

    def candidates(self, residual: NDArray[np.float64], patterns: int) -> list[Term]:
        """The sets that some bin may hold.

        A mask without a value counts as one without a residual: as if the fit so far were right there.

        Args:
            residual: float64[m], values less the fit so far.
            patterns: Patterns of wrong signs that are tried for each bin.

        Returns:
            Sets of at most the code's degree, () not among them, smallest first.
        """
        shown = []
        for block, rows in zip(self.design.blocks, self.rows, strict=True):
            values = np.where(rows >= 0, residual[rows], 0.0)
            shown.append(_syndromes(block, walsh_hadamard(values), patterns))
        sets, decoded = self.design.code.decode(_distinct(np.concatenate(shown)))
        different = sets[decoded]
        terms = (tuple(np.flatnonzero(members).tolist()) for members in different)
        return sorted((term for term in terms if term), key=lambda term: (len(term), term))


def coded_bins(design: CodedDesign, masks: NDArray[np.bool_]) -> CodedBins:
    """Finds the code's masks among given ones.

    Args:
        design: A code over the same groups.
        masks: bool[m, n_groups], no two alike.
    """
    places = {row.tobytes(): place for place, row in enumerate(np.packbits(masks, axis=1))}
    rows = []
    for block in design.blocks:
        packed = np.packbits(block.masks, axis=2)
        keys = (each.tobytes() for each in packed.reshape(-1, packed.shape[2]))
        rows.append(np.array([places.get(key, -1) for key in keys], np.int64).reshape(packed.shape[:2]))
    return CodedBins(design, tuple(rows))


def _syndromes(block: CodedBlock, spectrum: NDArray[np.float64], patterns: int) -> NDArray[np.bool_]:
    """bool[q, r]: the checks that bins have under the likeliest patterns of wrong signs.

    Args:
        block: The block.
        spectrum: float64[delays, bins].
        patterns: Patterns of each bin.
    """
    bins = np.flatnonzero((spectrum != 0).any(axis=0))
    shown = spectrum[:, bins].T
    sizes = np.abs(shown)
    doubted = np.argsort(sizes, axis=1, kind="stable")[:, :_WEAKEST]
    wrong = _patterns(doubted.shape[1])
    cost = np.take_along_axis(sizes, doubted, axis=1) @ wrong.T.astype(np.float64)
    kept = min(patterns, len(wrong))
    likeliest = np.argpartition(cost, kept - 1, axis=1)[:, :kept]
    flips = np.zeros((len(bins), kept, len(spectrum)), dtype=np.bool_)
    places = np.broadcast_to(doubted[:, None, :], (len(bins), kept, doubted.shape[1]))
    np.put_along_axis(flips, places, wrong[likeliest], axis=2)
    signs = (shown < 0)[:, None, :] ^ flips
    hashed = (bins[:, None] >> np.arange(block.bits)) & 1 == 1
    products = np.concatenate(
        [
            np.broadcast_to(hashed[:, None, :], (len(bins), kept, block.bits)),
            signs[:, :, 1:] ^ signs[:, :, :1],
        ],
        axis=2,
    )
    return times_gf2(products.reshape(-1, len(block.rows)), block.from_products.T)


@lru_cache(maxsize=16)
def _patterns(doubted: int) -> NDArray[np.bool_]:
    """bool[p, doubted]: none wrong, one, and so on."""
    subsets: Sequence[Term] = list(
        chain.from_iterable(combinations(range(doubted), size) for size in range(_MOST_WRONG + 1))
    )
    found = np.zeros((len(subsets), doubted), dtype=np.bool_)
    for row, members in enumerate(subsets):
        found[row, list(members)] = True
    return found


def _distinct(rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The different rows."""
    if not len(rows):
        return rows
    _, first = np.unique(np.packbits(rows, axis=1), axis=0, return_index=True)
    return rows[first]
