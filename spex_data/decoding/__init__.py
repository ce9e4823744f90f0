"""From masks and values to a sparse expansion of the set function, one algorithm a module."""

from spex_data.decoding.diagnostics import Diagnostics
from spex_data.decoding.interactions import Interaction
from spex_data.decoding.protocol import Decoder
from spex_data.decoding.registry import DEFAULT, NAMES, WITH_FEATURES, decoder
from spex_data.decoding.result import Decoded
from spex_data.decoding.simulated import Simulated

__all__ = [
    "DEFAULT",
    "NAMES",
    "WITH_FEATURES",
    "Decoded",
    "Decoder",
    "Diagnostics",
    "Interaction",
    "Simulated",
    "decoder",
]
