"""From values of a design's masks to discrete derivatives, one a round."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from spex_data.masks import MaskDistribution
from spex_data.spectra import Term
from spex_data.verification.design import VerificationDesign


def round_derivatives(
    design: VerificationDesign, values: NDArray[np.float64], members: Term
) -> NDArray[np.float64]:
    """D_S f of every random round: sum over R within S of (-1)^(|S|-|R|) f(background with S set to R).

    Where S lies in a larger set that is measured whole, the round's value is the mean over the backgrounds
    that differ in the rest of that set, weighted by how likely the study's distribution makes each. So the
    mean over rounds is without bias for the mean under the study's masks, whatever the larger set is.

    Args:
        design: What was measured.
        values: float64[len(design), t], in the order of `design.rows()`; NaN where a fine-tune failed.
        members: S, within one of the design's faces.

    Returns:
        float64[r, t], NaN where a corner is missing.
    """
    flips = {flip: place for place, flip in enumerate(design.flips)}
    table = values[: design.n_rounds * len(flips)].reshape(design.n_rounds, len(flips), -1)
    face = design.face_of(members)
    if face is None:
        return np.full((design.n_rounds, table.shape[2]), np.nan)
    others = tuple(member for member in face if member not in members)
    shifts = [part for size in range(len(others) + 1) for part in combinations(others, size)]
    found = np.zeros((design.n_rounds, len(shifts), table.shape[2]))
    weights = np.zeros((design.n_rounds, len(shifts)))
    for place, shift in enumerate(shifts):
        for size in range(len(members) + 1):
            for part in combinations(members, size):
                sign = _signs(design.backgrounds, members, part)
                column = flips[tuple(sorted((*shift, *part)))]
                found[:, place] += sign[:, None] * table[:, column]
        weights[:, place] = _likelihoods(design, members, shift)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.asarray((weights[:, :, None] * found).sum(axis=1))


def full_derivatives(
    design: VerificationDesign, values: NDArray[np.float64], members: Term
) -> NDArray[np.float64]:
    """D_S f of every full round, where all other groups are present.

    Args:
        design: What was measured.
        values: float64[len(design), t].
        members: S, within one of the sets of `design.front`.

    Returns:
        float64[full rounds, t]; no row where S was not measured there.
    """
    flips = {flip: place for place, flip in enumerate(design.full_flips)}
    parts = [part for size in range(len(members) + 1) for part in combinations(members, size)]
    if not design.full_rounds or not all(part in flips for part in parts):
        return np.zeros((0, values.shape[1]))
    table = values[design.n_rounds * len(design.flips) :].reshape(design.full_rounds, len(flips), -1)
    return np.asarray(sum((-1.0) ** len(part) * table[:, flips[part]] for part in parts))


def full_corners(
    design: VerificationDesign, values: NDArray[np.float64], members: Term
) -> dict[Term, NDArray[np.float64]]:
    """What is left of f where everything is present but some groups of S: what dropping them costs.

    Args:
        design: What was measured.
        values: float64[len(design), t].
        members: S.

    Returns:
        float64[full rounds, t] for each set that is absent, the empty one first; the corners of a round share
        its seed. None where S was not measured there.
    """
    flips = {flip: place for place, flip in enumerate(design.full_flips)}
    parts = [part for size in range(len(members) + 1) for part in combinations(members, size)]
    if not design.full_rounds or not all(part in flips for part in parts):
        return {}
    table = values[design.n_rounds * len(design.flips) :].reshape(design.full_rounds, len(flips), -1)
    return {part: table[:, flips[part]] for part in parts}


def background_likelihood(distribution: MaskDistribution, n_present: int, n_inside: int) -> float:
    """How likely one background of the groups outside S is: the sum over the masks within S.

    Args:
        distribution: Of the whole masks.
        n_present: Groups present outside S.
        n_inside: Groups in S.

    Returns:
        A probability; the 2^(n - n_inside) backgrounds' add up to 1.
    """
    n, p = distribution.n_groups, distribution.p
    if distribution.scheme != "stratified":
        return float(p**n_present * (1 - p) ** (n - n_inside - n_present))
    return sum(
        comb(n_inside, inside) / ((n + 1) * comb(n, n_present + inside)) for inside in range(n_inside + 1)
    )


def _signs(backgrounds: NDArray[np.bool_], members: Term, flipped: Term) -> NDArray[np.float64]:
    """(-1)^(groups of S that are absent in the corner), one a round."""
    corners = backgrounds[:, list(members)].copy()
    corners[:, [members.index(member) for member in flipped]] ^= True
    return np.asarray((-1.0) ** (~corners).sum(axis=1))


def _likelihoods(design: VerificationDesign, members: Term, shift: Term) -> NDArray[np.float64]:
    inside = [member for member in members if member < design.n_groups]
    backgrounds = design.backgrounds.copy()
    backgrounds[:, list(shift)] ^= True
    backgrounds[:, list(members)] = False
    present = backgrounds[:, : design.n_groups].sum(axis=1)
    return np.array(
        [background_likelihood(design.distribution, int(count), len(inside)) for count in present]
    )
