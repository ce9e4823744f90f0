"""Value functions: from masks over groups to the values of targets."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from spex_data.value_functions.planted import Planted
from spex_data.value_functions.protocol import Measured, ValueFunction

if TYPE_CHECKING:
    from spex_data.value_functions.subset_training import SubsetTraining

__all__ = ["Measured", "Planted", "SubsetTraining", "ValueFunction"]


def __getattr__(name: str) -> Any:
    if name != "SubsetTraining":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.subset_training").SubsetTraining
