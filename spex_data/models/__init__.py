"""Base models: loading them from safe files alone, naming them by content, and embedding texts with them."""

from spex_data.models.base import BaseModel, load_base_model
from spex_data.models.context import context_length
from spex_data.models.embeddings import embed_texts
from spex_data.models.fingerprint import fingerprint

__all__ = ["BaseModel", "context_length", "embed_texts", "fingerprint", "load_base_model"]
