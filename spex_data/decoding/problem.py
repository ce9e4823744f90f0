"""What a decoder is given, checked once, before any work."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spex_data.decoding.simulated import Simulated, check_features
from spex_data.errors import DecodingError, MaskError
from spex_data.masks import CodedDesign, MaskDesign, MaskDistribution, as_masks

LEAST_MASKS = 4
_LEAST_REPEATS = 10


@dataclass(frozen=True, eq=False)
class Problem:
    """Different masks and their values.

    Attributes:
        masks: bool[m, n_groups], no two alike.
        values: float64[m, t], the mean over rows of the same mask.
        distribution: What backgrounds are averaged over.
        labels: int64[m]; masks of one label stay in one fold.
        n_rows: Rows given, before those of the same mask were averaged.
        single: Whether values came as float64[m], so that results lose the axis of targets.
        noise: float64[m, t], noise variance of each of `values`, from rows of the same mask; None with fewer
            than 10 rows to tell it from.
        code: What the masks are the masks of, if their design says so.
        lawful: bool[m], which masks are draws from the distribution; None for all.
        features: What a surrogate says of masks; None if nothing does.
    """

    masks: NDArray[np.bool_]
    values: NDArray[np.float64]
    distribution: MaskDistribution
    labels: NDArray[np.int64]
    n_rows: int
    single: bool
    noise: NDArray[np.float64] | None = None
    code: CodedDesign | None = None
    lawful: NDArray[np.bool_] | None = None
    features: Simulated | None = None

    @property
    def n_groups(self) -> int:
        """Number of groups n."""
        return int(self.masks.shape[1])

    @property
    def n_targets(self) -> int:
        """Number of targets t."""
        return int(self.values.shape[1])


def checked_problem(
    masks: ArrayLike,
    values: ArrayLike,
    *,
    design: MaskDesign | MaskDistribution | None = None,
    groups: ArrayLike | None = None,
    features: Simulated | None = None,
) -> Problem:
    """Checks what a decoder is given, and averages rows of the same mask.

    Args:
        masks: bool[m, n_groups].
        values: float64[m] or float64[m, t].
        design: What the masks were drawn from; Bernoulli with their share of ones if None.
        groups: int[m], fold labels; None: a mask and its complement have one label, all others their own.
        features: What a surrogate says of masks.

    Raises:
        DecodingError: Not masks, not as many values, values that are not finite, labels of another length, a
            design of another width, features of other groups or targets, or fewer different masks than can
            be decoded.
    """
    try:
        rows = as_masks(masks)
    except MaskError as error:
        raise DecodingError(error.what, where=error.where, instead=error.instead) from error
    table, single = _checked_values(values, len(rows))
    distribution = _checked_distribution(design, rows)
    given = None if groups is None else _checked_labels(groups, len(rows))
    if features is not None:
        check_features(features, rows.shape[1], table.shape[1])
    _, first, inverse, counts = np.unique(
        np.packbits(rows, axis=1), axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    place = np.empty(len(first), dtype=np.int64)  # keeps the order in which masks were first seen
    place[np.argsort(first)] = np.arange(len(first))
    sums = np.zeros((len(first), table.shape[1]))
    np.add.at(sums, place[inverse.reshape(-1)], table)
    different, means = rows[np.sort(first)], sums / counts[np.argsort(first)][:, None]
    _check_count(len(rows), *different.shape)
    labels = _complement_labels(different) if given is None else given[np.sort(first)]
    repeats = counts[np.argsort(first)]
    noise = _noise(table, means[place[inverse.reshape(-1)]], repeats)
    code = design.code if isinstance(design, MaskDesign) else None
    lawful = _lawful(design, different) if isinstance(design, MaskDesign) else None
    return Problem(different, means, distribution, labels, len(rows), single, noise, code, lawful, features)


def _lawful(design: MaskDesign, masks: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Which masks their design does not name as chosen; None where it names none."""
    if design.lawful is None or design.lawful.all():
        return None
    chosen = {row.tobytes() for row in np.packbits(design.training[~design.lawful], axis=1)}
    return np.array([row.tobytes() not in chosen for row in np.packbits(masks, axis=1)], dtype=np.bool_)


def _checked_values(values: ArrayLike, n_rows: int) -> tuple[NDArray[np.float64], bool]:
    try:
        table = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DecodingError("are not numbers", where="values", instead="give one number a mask") from error
    if table.ndim not in (1, 2) or len(table) != n_rows:
        raise DecodingError(
            f"has shape {table.shape} for {n_rows} masks",
            where="values",
            instead=f"give float[{n_rows}], or float[{n_rows}, t] for t targets",
        )
    single = table.ndim == 1
    table = table.reshape(n_rows, -1) if n_rows else table.reshape(0, 1)
    if table.shape[1] == 0:
        raise DecodingError("holds no target", where="values", instead="give at least one column")
    odd = ~np.isfinite(table)
    if odd.any():
        row, column = np.argwhere(odd)[0]
        place = f"row {row}" if single else f"row {row}, target {column}"
        raise DecodingError(
            f"holds {table[row, column]} in {place} ({int(odd.any(axis=1).sum())} such rows)",
            where="values",
            instead="leave out masks whose value is missing",
        )
    return table, single


def _checked_distribution(
    design: MaskDesign | MaskDistribution | None, rows: NDArray[np.bool_]
) -> MaskDistribution:
    if not rows.size:
        raise DecodingError(
            f"has shape {rows.shape}", where="masks", instead="give at least one row and one column"
        )
    if design is None:
        return MaskDistribution.estimated(rows)
    distribution = design.distribution if isinstance(design, MaskDesign) else design
    if distribution.n_groups != rows.shape[1]:
        raise DecodingError(
            f"has {rows.shape[1]} columns, and the design has {distribution.n_groups} groups",
            where="masks",
            instead="give the design that the masks were drawn from, or none",
        )
    return distribution


def _checked_labels(groups: ArrayLike, n_rows: int) -> NDArray[np.int64]:
    labels = np.asarray(groups)
    if labels.shape != (n_rows,):
        raise DecodingError(
            f"has shape {labels.shape} for {n_rows} masks", where="groups", instead="give one label a mask"
        )
    names, places = np.unique(labels, return_inverse=True)
    if len(names) < 2:
        raise DecodingError(
            f"holds one label for all {n_rows} masks",
            where="groups",
            instead="give at least two, or none at all",
        )
    return places.reshape(-1)


def _check_count(n_rows: int, n_different: int, n_groups: int) -> None:
    least = min(LEAST_MASKS, 2**n_groups)
    if n_different < least:
        raise DecodingError(
            f"holds {n_different} different masks in {n_rows} rows for {n_groups} groups",
            where="masks",
            instead=f"give at least {least}; fewer than {n_groups + 2} cannot tell all groups apart",
        )


def _noise(
    table: NDArray[np.float64], means: NDArray[np.float64], repeats: NDArray[np.int64]
) -> NDArray[np.float64] | None:
    """Pooled variance of rows about the mean of their mask, over the number of rows that a mask has."""
    spare = len(table) - len(repeats)
    if spare < _LEAST_REPEATS:
        return None
    variance = ((table - means) ** 2).sum(axis=0) / spare
    return np.asarray(variance / repeats[:, None])


def _complement_labels(masks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """One label for a mask and its complement, whose values share all even terms."""
    lower = np.where(masks[:, :1], ~masks, masks)
    return np.unique(np.packbits(lower, axis=1), axis=0, return_inverse=True)[1].reshape(-1)
