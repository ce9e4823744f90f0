"""Interaction indices of decoded set functions."""

from spex_data.indices.interaction_index import HasExpansion, InteractionIndex, interaction_index
from spex_data.indices.weights import KINDS, IndexKind

__all__ = ["KINDS", "HasExpansion", "IndexKind", "InteractionIndex", "interaction_index"]
