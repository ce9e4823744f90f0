"""Targets, and what is measured of a model's answer to each; only the measuring itself needs torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from spex_data.evaluation.scales import SCALES, on_scales, scale_columns
from spex_data.evaluation.targets import OUTPUTS, Targets, make_targets

if TYPE_CHECKING:
    from spex_data.evaluation.measure import evaluate_targets, values_from_logits
    from spex_data.evaluation.queries import Queries, encode_targets

_HOMES = {
    "Queries": "queries",
    "encode_targets": "queries",
    "evaluate_targets": "measure",
    "values_from_logits": "measure",
}

__all__ = [
    "OUTPUTS",
    "SCALES",
    "Queries",
    "Targets",
    "encode_targets",
    "evaluate_targets",
    "make_targets",
    "on_scales",
    "scale_columns",
    "values_from_logits",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
