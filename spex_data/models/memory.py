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
        raise ModelError(
            f"does not fit into the memory that is free (it is loaded by way of the CPU, for {device})",
            where=source,
            instead="choose a smaller model, write model.dtype: bfloat16, or free memory on "
            f"{device if device == 'cpu' else f'the CPU and {device}, or write model.device: cpu'}",
        ) from error
