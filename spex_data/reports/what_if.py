"""What a page needs to predict any mask by itself: the largest Fourier terms, and how far off they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spex_data.spectra import FourierExpansion, Term

MOST_TERMS, MOST_TERMS_A_PAGE = 12_000, 45_000
"""Terms of a target and of all targets that a page holds: about 1.3 MB of text at most."""
LEAST_AGREEMENT = 0.99
"""A shortened expansion that agrees less with the whole one is not offered: it would mislead."""
LEVEL = 0.9


@dataclass(frozen=True)
class WhatIf:
    """A target's expansion as a page evaluates it.

    Attributes:
        terms: The sets kept, largest coefficient first; () is the constant.
        coefficients: Of each, to nine significant digits, in the target's unit.
        n_terms: Terms of the whole expansion.
        agreement: R2 of what is kept against the whole expansion on the masks given; 1 if all is kept.
        half_width: Split-conformal half interval; None with too few held-out masks, and of a shortened
            expansion, whose errors are not those of the whole one.
        n_heldout: Held-out masks that it is from.
    """

    terms: tuple[Term, ...]
    coefficients: tuple[float, ...]
    n_terms: int
    agreement: float
    half_width: float | None
    n_heldout: int


def what_ifs(
    expansion: FourierExpansion, masks: ArrayLike, actual: ArrayLike, predicted: ArrayLike
) -> tuple[WhatIf, ...]:
    """One for each target.

    Args:
        expansion: Coefficients float64[k] or float64[k, t].
        masks: bool[m, n_groups] on which shortened expansions are compared with whole ones.
        actual: float64[h, t], held-out values.
        predicted: float64[h, t], what the whole expansion says of them.
    """
    coefficients = expansion.coefficients.reshape(len(expansion.terms), -1)
    n_targets = coefficients.shape[1]
    most = max(1, min(MOST_TERMS, MOST_TERMS_A_PAGE // max(n_targets, 1)))
    errors = np.asarray(actual, dtype=np.float64) - np.asarray(predicted, dtype=np.float64)
    return tuple(
        _shortened(
            FourierExpansion(expansion.n_groups, expansion.terms, coefficients[:, column]),
            np.asarray(masks, dtype=bool),
            errors.reshape(len(errors), -1)[:, column] if errors.size else np.zeros(0),
            most,
        )
        for column in range(n_targets)
    )


def conformal_half_width(errors: ArrayLike, level: float = LEVEL) -> float | None:
    """The ceil((h + 1) level)-th smallest |error|: a new mask of the same law lies within it at that level.

    Args:
        errors: float64[h], on masks that nothing was learned from; those not finite are left out.
        level: Coverage.

    Returns:
        None with fewer masks than level / (1 - level).

    References:
        Lei, G'Sell, Rinaldo, Tibshirani and Wasserman 2018, "Distribution-free predictive inference for
        regression", section 2.2.
    """
    sizes = np.sort(np.abs(np.asarray(errors, dtype=np.float64)))
    sizes = sizes[np.isfinite(sizes)]
    place = math.ceil(round((len(sizes) + 1) * level, 9))
    return float(sizes[place - 1]) if 0 < place <= len(sizes) else None


def script_data(one: WhatIf) -> dict[str, Any]:
    """What a page evaluates: numbers and fixed keys alone."""
    return {
        "terms": [list(term) for term in one.terms],
        "coefficients": list(one.coefficients),
        "half": one.half_width,
    }


def told(one: WhatIf) -> str:
    """What the prediction is, and what its interval is, in words."""
    kept = (
        f"Computed in this page from all {one.n_terms} Fourier terms of the expansion."
        if len(one.terms) == one.n_terms
        else f"Computed in this page from the {len(one.terms)} largest of {one.n_terms} Fourier terms, "
        f"which agree with the whole expansion to an R² of {_floored(one.agreement)} on the study's masks."
    )
    if len(one.terms) < one.n_terms:
        return f"{kept} The interval is unknown: held-out errors are those of the whole expansion."
    if one.half_width is None:
        return f"{kept} The interval is unknown: {one.n_heldout} held-out masks are too few for one."
    return (
        f"{kept} The interval is split-conformal: {LEVEL:.0%} of masks drawn as the study drew its own, each "
        f"measured as the {one.n_heldout} held-out masks were, lie within theirs. It is an average over such "
        "masks: for one that the study would hardly draw, such as none or all of many groups, it promises "
        "nothing."
    )


def _floored(agreement: float) -> str:
    return f"{math.floor(agreement * 10_000) / 10_000:.4f}"


def _shortened(
    expansion: FourierExpansion, masks: NDArray[np.bool_], errors: NDArray[np.float64], most: int
) -> WhatIf:
    known = np.flatnonzero(expansion.coefficients)
    largest: Sequence[int] = sorted(
        known.tolist(),
        key=lambda at: (expansion.terms[at] != (), -abs(expansion.coefficients[at]), expansion.terms[at]),
    )[:most]
    kept = FourierExpansion(
        expansion.n_groups,
        tuple(expansion.terms[at] for at in largest),
        np.array([float(f"{expansion.coefficients[at]:.9g}") for at in largest]),
    )
    agreement = 1.0
    if len(largest) < len(known):
        whole = expansion.evaluate(masks)
        lost = float(((whole - kept.evaluate(masks)) ** 2).mean())
        agreement = 1.0 - lost / max(float(whole.var()), 1e-300)
    return WhatIf(
        kept.terms,
        tuple(kept.coefficients.tolist()),
        len(known),
        agreement,
        conformal_half_width(errors) if len(largest) == len(known) else None,
        int(np.isfinite(errors).sum()),
    )
