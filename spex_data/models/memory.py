"""Memory that runs out: how it is recognised, and what is said when a model does not fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from spex_data.errors import ModelError


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out."""
    # A CPU's allocator has no error of its own.
    known = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return known or "can't allocate memory" in str(error)


@contextmanager
def fits(source: str, device: str) -> Iterator[None]:
    """Says so in our own words when memory runs out while a model is loaded.

    Args:
        source: The model.
        device: Where it is to go.

    Raises:
        ModelError: Memory ran out.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not ran_out_of_memory(error):
            raise
        where_else = "" if device == "cpu" else ", write model.device: cpu"
        raise ModelError(
            f"does not fit into the free memory of {' or '.join(dict.fromkeys(['cpu', device]))}",
            where=source,
            instead=f"choose a smaller model, write model.dtype: bfloat16{where_else}, or free some memory",
        ) from error
