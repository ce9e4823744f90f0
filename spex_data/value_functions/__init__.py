"""Value functions: from masks over groups to the values of targets."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from spex_data.value_functions.planted import Planted
from spex_data.value_functions.protocol import Measured, ValueFunction

if TYPE_CHECKING:
    from spex_data.value_functions.subset_training import SubsetTraining
    from spex_data.value_functions.text_units import TextUnits, cut_into_units
    from spex_data.value_functions.token_masking import TokenMasking

_HOMES = {
    "SubsetTraining": "subset_training",
    "TextUnits": "text_units",
    "TokenMasking": "token_masking",
    "cut_into_units": "text_units",
}

__all__ = [
    "Measured",
    "Planted",
    "SubsetTraining",
    "TextUnits",
    "TokenMasking",
    "ValueFunction",
    "cut_into_units",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
