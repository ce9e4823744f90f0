"""What other masks would give, told from gradients at a few adapters, so that fewer need fine-tuning."""

from __future__ import annotations

from spex_data.surrogate.anchors import ANCHORS, check_anchors, spread_masks
from spex_data.surrogate.scores import group_scores
from spex_data.surrogate.simulation import TIMES, TangentModel
from spex_data.surrogate.surrogate import Surrogate, build_surrogate, surrogate_fingerprint

__all__ = [
    "ANCHORS",
    "TIMES",
    "Surrogate",
    "TangentModel",
    "build_surrogate",
    "check_anchors",
    "group_scores",
    "spread_masks",
    "surrogate_fingerprint",
]
