"""Interaction indices of decoded set functions."""

from spex_data.indices.estimates import index_estimate
from spex_data.indices.interaction_index import HasExpansion, InteractionIndex, interaction_index
from spex_data.indices.weights import KINDS, IndexKind

__all__ = ["KINDS", "HasExpansion", "IndexKind", "InteractionIndex", "index_estimate", "interaction_index"]
