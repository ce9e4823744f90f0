"""How a target was decoded, as its result says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Diagnostics:
    """How one target was decoded.

    Attributes:
        n_masks: Different masks decoded from.
        n_duplicates: Rows that were averaged into another row of the same mask.
        constant: Whether all values are equal, so that there is nothing but their mean.
        n_terms: Terms of the expansion that predicts, the constant included.
        cv_r2: Out-of-fold R2 on the masks decoded from, a little above what new masks give; None if unknown.
        scores: Out-of-fold R2 of each candidate that was compared.
        settings: What was chosen, by name.
    """

    n_masks: int
    n_duplicates: int
    constant: bool = False
    n_terms: int = 1
    cv_r2: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, float | int | str] = field(default_factory=dict)
