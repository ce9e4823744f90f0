"""The rank correlation that a perfect predictor would reach on values that vary from seed to seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from spex_data.faithfulness.noise_ceiling import NoiseCeiling, noise_ceiling
from spex_data.faithfulness.scores import spearman

_DRAWS = 200


@dataclass(frozen=True)
class RankCeiling:
    """What seed noise leaves of a perfect rank correlation.

    Attributes:
        value: Mean Spearman correlation of true values with means over K seeds; None where unknown.
        ci: What 90% of studies with as many masks would see; None where unknown.
    """

    value: float | None
    ci: tuple[float, float] | None


def rank_ceiling(
    replicates: ArrayLike, *, ceiling: NoiseCeiling | None = None, seed: int = 0, level: float = 0.9
) -> RankCeiling:
    """Spearman's ceiling, by simulation from what random effects say of the values.

    True values are the masks' means, drawn towards their common mean by the share of their variance that is
    no noise (so that their spread is sigma_f); noise of sigma_s / sqrt(K) is added, and the ranks compared.

    Args:
        replicates: float64[m, k], the value of each mask for each seed; NaN where there is none.
        ceiling: That of R2 on the same values, if it is known already.
        seed: Of the simulation.
        level: Share of simulated studies within `ci`.

    Returns:
        Unknown where the noise ceiling is.
    """
    table = np.asarray(replicates, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    found = ceiling or noise_ceiling(table, seed=seed)
    if found.value is None or found.seed_variance is None or found.n_seeds is None or found.value == 0:
        return RankCeiling(None if found.value is None else 0.0, None)
    known = ~np.isnan(table).all(axis=1)
    means = np.nanmean(table[known], axis=1)
    true = means.mean() + np.sqrt(found.value) * (means - means.mean())
    spread = np.sqrt(found.seed_variance / found.n_seeds)
    noise = spread * np.random.default_rng(seed).standard_normal((_DRAWS, len(true)))
    scores = np.array([spearman(true, true + one) for one in noise], dtype=np.float64)
    low, high = np.nanquantile(scores, (0.5 - level / 2, 0.5 + level / 2))
    return RankCeiling(float(np.nanmean(scores)), (float(low), float(high)))
