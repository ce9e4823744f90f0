"""Value functions: from masks over groups to the values of targets."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from spex_data.value_functions.planted import Planted
from spex_data.value_functions.protocol import Measured, ValueFunction

if TYPE_CHECKING:
    from spex_data.value_functions.component_sites import Component, find_components
    from spex_data.value_functions.head_silencing import HeadSilencing
    from spex_data.value_functions.subset_training import SubsetTraining
    from spex_data.value_functions.text_units import TextUnits, cut_into_units
    from spex_data.value_functions.token_masking import TokenMasking

_HOMES = {
    "Component": "component_sites",
    "HeadSilencing": "head_silencing",
    "SubsetTraining": "subset_training",
    "TextUnits": "text_units",
    "TokenMasking": "token_masking",
    "cut_into_units": "text_units",
    "find_components": "component_sites",
}

__all__ = [
    "Component",
    "HeadSilencing",
    "Measured",
    "Planted",
    "SubsetTraining",
    "TextUnits",
    "TokenMasking",
    "ValueFunction",
    "cut_into_units",
    "find_components",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
