"""The verdict on a decoder's result: scores on held-out masks beside what noise allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spex_data.errors import DecodingError
from spex_data.faithfulness.noise_ceiling import NoiseCeiling, no_noise, noise_ceiling
from spex_data.faithfulness.rank_ceiling import RankCeiling, rank_ceiling
from spex_data.faithfulness.resampling import score_interval
from spex_data.faithfulness.scores import r2, spearman


@dataclass(frozen=True)
class Faithfulness:
    """How faithful an expansion is to one target, on masks that it was not decoded from.

    Attributes:
        r2: Against the mean over seeds of each mask; None where unknown.
        spearman: The same by ranks (LDS).
        noise_ceiling: The R2 that a perfect predictor would reach.
        n_masks: Held-out masks with a value.
        n_seeds: Values that a mask's mean is of; None where unknown.
        r2_ci: 90% bootstrap interval of `r2` over masks; None where unknown.
        spearman_ci: The same of `spearman`.
        rank_ceiling: The Spearman correlation that a perfect predictor would reach.
    """

    r2: float | None
    spearman: float | None
    noise_ceiling: NoiseCeiling
    n_masks: int
    n_seeds: float | None
    r2_ci: tuple[float, float] | None = None
    spearman_ci: tuple[float, float] | None = None
    rank_ceiling: RankCeiling | None = None


class Predictor(Protocol):
    """A decoder's result, an expansion, or anything else that predicts values of masks."""

    def evaluate(self, masks: ArrayLike) -> NDArray[np.float64]:
        """bool[m, n_groups] -> float64[m] or float64[m, t]."""
        ...


def faithfulness(
    found: Predictor, masks: ArrayLike, replicates: ArrayLike, *, seed: int = 0, exact: bool = False
) -> list[Faithfulness]:
    """Judges predictions on held-out masks.

    Args:
        found: What predicts.
        masks: bool[h, n_groups], none of which it has seen.
        replicates: float64[h, k, t], or float64[h, k] for one target: each mask's value for each seed;
            NaN where there is none.
        seed: Of the bootstrap of the noise ceiling.
        exact: Whether values depend on no seed, so that the ceiling is 1 without any mask measured twice.

    Returns:
        One Faithfulness a target.

    Raises:
        DecodingError: Replicates that do not fit the masks or the targets.
    """
    rows, table = np.asarray(masks, dtype=np.bool_), np.asarray(replicates, dtype=np.float64)
    table = table[:, :, None] if table.ndim == 2 else table
    predicted = found.evaluate(rows)
    predicted = predicted.reshape(len(rows), -1) if len(rows) else predicted.reshape(0, table.shape[-1])
    if table.ndim != 3 or len(table) != len(rows) or table.shape[2] != predicted.shape[1]:
        raise DecodingError(
            f"has shape {np.shape(replicates)} for {len(rows)} masks and {predicted.shape[1]} targets",
            where="replicates",
            instead="give float[masks, seeds, targets], NaN where there is no value",
        )
    judged = []
    for target in range(table.shape[2]):
        values = table[:, :, target]
        known = ~np.isnan(values)
        counts = known.sum(axis=1)
        measured = counts > 0
        means = np.where(known, values, 0.0).sum(axis=1)[measured] / counts[measured]
        ceiling = no_noise(means) if exact else noise_ceiling(values, seed=seed)
        guess = predicted[measured, target]
        judged.append(
            Faithfulness(
                r2=r2(means, guess),
                spearman=spearman(means, guess),
                noise_ceiling=ceiling,
                n_masks=len(means),
                n_seeds=ceiling.n_seeds,
                r2_ci=score_interval(r2, means, guess, seed=seed),
                spearman_ci=score_interval(spearman, means, guess, seed=seed),
                rank_ceiling=None if exact else rank_ceiling(values, ceiling=ceiling, seed=seed),
            )
        )
    return judged
