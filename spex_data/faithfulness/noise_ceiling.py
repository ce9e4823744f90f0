"""The R2 that a perfect predictor would reach on values that vary from seed to seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_RESAMPLES = 1000


@dataclass(frozen=True)
class NoiseCeiling:
    """Variance between masks beside variance between seeds.

    Attributes:
        value: sigma_f^2 / (sigma_f^2 + sigma_s^2 / K), in [0, 1]; None where unknown.
        signal_variance: sigma_f^2, of the mean over seeds from mask to mask, in squared units; None if
            unknown.
        seed_variance: sigma_s^2, from seed to seed for one mask; None if unknown.
        n_masks: Masks with a value.
        n_seeds: K, values that each mask's mean is of; where masks have several numbers their harmonic mean;
            None without masks.
        ci: 90% bootstrap interval of `value`; None where unknown.
    """

    value: float | None
    signal_variance: float | None
    seed_variance: float | None
    n_masks: int
    n_seeds: float | None
    ci: tuple[float, float] | None


def noise_ceiling(
    replicates: ArrayLike, n_seeds: float | None = None, *, seed: int = 0, level: float = 0.9
) -> NoiseCeiling:
    """The ceiling by one-way random effects, masks being the classes and seeds the repeats.

    With k_i values of mask i, N in all, a masks: sigma_s^2 = MSW and sigma_f^2 = (MSB - MSW) / k0, or 0, with
    k0 = (N - sum k_i^2 / N) / (a - 1) (Searle, Casella and McCulloch 1992, section 3.6).

    Args:
        replicates: float64[m, k], the value of each mask for each seed; NaN where there is none.
        n_seeds: K, seeds that the mean to be predicted is over; None: as many as there are.
        seed: Of the bootstrap, which draws masks with their replicates.
        level: Coverage that the interval is made for.

    Returns:
        A NoiseCeiling; unknown with fewer than 2 masks, without any mask measured twice, or where all are
        equal.
    """
    table = np.asarray(replicates, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    known = ~np.isnan(table)
    table, known = table[known.any(axis=1)], known[known.any(axis=1)]
    counts = known.sum(axis=1).astype(np.float64)
    if not len(table):
        return NoiseCeiling(None, None, None, 0, None, None)
    repeats = float(1.0 / (1.0 / counts).mean()) if n_seeds is None else float(n_seeds)
    means = np.where(known, table, 0.0).sum(axis=1) / counts
    within = (np.where(known, table - means[:, None], 0.0) ** 2).sum(axis=1)
    signal, noise = _components(counts[None], means[None], within[None])
    value = _share(signal, noise, repeats)
    draws = np.random.default_rng(seed).integers(len(table), size=(_RESAMPLES, len(table)))
    resampled = _share(*_components(counts[draws], means[draws], within[draws]), repeats)
    resampled = resampled[~np.isnan(resampled)]
    ends = (0.5 - level / 2, 0.5 + level / 2)
    some = np.isfinite(value[0]) and len(resampled) >= _RESAMPLES / 2
    low, high = np.quantile(resampled, ends) if some else (np.nan, np.nan)
    return NoiseCeiling(
        _or_none(value[0]),
        _or_none(signal[0]),
        _or_none(noise[0]),
        len(table),
        repeats,
        (float(low), float(high)) if some else None,
    )


def no_noise(values: NDArray[np.float64]) -> NoiseCeiling:
    """The ceiling of values that depend on no seed: 1, whatever they are.

    Args:
        values: float64[m], one a mask.
    """
    spread = float(np.var(values, ddof=1)) if len(values) > 1 else 0.0
    return NoiseCeiling(1.0, spread, 0.0, len(values), 1.0, None)


def _components(
    counts: NDArray[np.float64], means: NDArray[np.float64], within: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(sigma_f^2, sigma_s^2) of each row of masks, NaN where unknown; all float64[b, a] to float64[b]."""
    n_masks, total = counts.shape[1], counts.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        grand = (counts * means).sum(axis=1) / total
        between = (counts * (means - grand[:, None]) ** 2).sum(axis=1) / (n_masks - 1)
        noise = within.sum(axis=1) / (total - n_masks)
        size = (total - (counts**2).sum(axis=1) / total) / (n_masks - 1)
        signal = np.maximum((between - noise) / size, 0.0)
    unknown = ~np.isfinite(signal) | ~np.isfinite(noise)
    return np.where(unknown, np.nan, signal), np.where(unknown, np.nan, noise)


def _share(signal: NDArray[np.float64], noise: NDArray[np.float64], repeats: float) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        return np.asarray(signal / (signal + noise / repeats))


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
