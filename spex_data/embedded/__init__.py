"""The offline demo: a world of help-desk texts with planted truth, and the small model of its language."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from spex_data.embedded.planted_world import TEXT_FAMILIES, TextFamily, planted_world
from spex_data.embedded.truth import PlantedInteraction
from spex_data.embedded.world import World, demo_world

if TYPE_CHECKING:
    from spex_data.embedded.base_model import embedded_base_model

__all__ = [
    "TEXT_FAMILIES",
    "PlantedInteraction",
    "TextFamily",
    "World",
    "demo_world",
    "embedded_base_model",
    "planted_world",
]


def __getattr__(name: str) -> Any:
    # The world needs no torch, the model does.
    if name == "embedded_base_model":
        return importlib.import_module("spex_data.embedded.base_model").embedded_base_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
