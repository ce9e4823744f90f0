"""Where a model's weights live, and in which precision."""

from __future__ import annotations

import torch

from spex_data.errors import ModelError

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float64": torch.float64}


def choose_device(name: str) -> str:
    """The device to load on: the fastest there is for "auto", else the one named if it is there.

    Args:
        name: "auto", "cpu", "cuda", "cuda:N" or "mps".

    Returns:
        A name that `torch.device` takes.

    Raises:
        ModelError: If the name is unknown, or this machine has no such device.
    """
    there = _devices()
    if name == "auto":
        return there[-1]
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (number and not (kind == "cuda" and number.isdigit())):
        raise ModelError(
            f"is {name!r}, no device", where="model.device", instead="write auto, cpu, cuda, cuda:0 or mps"
        )
    if kind not in there or int(number or 0) >= max(1, torch.cuda.device_count()):
        raise ModelError(
            f"is {name!r}, and torch finds no such device here",
            where="model.device",
            instead=f"write auto, or one of {', '.join(there)}",
        )
    return name


def choose_dtype(name: str) -> torch.dtype | None:
    """The precision of the weights; None for "auto", the precision that they are stored in.

    Args:
        name: "float32", "bfloat16", "float64" or "auto".

    Raises:
        ModelError: If the name is none of these.
    """
    if name == "auto":
        return None
    if name not in _DTYPES:
        raise ModelError(
            f"is {name!r}, no known precision",
            where="model.dtype",
            instead=f"write auto or one of {', '.join(_DTYPES)}",
        )
    return _DTYPES[name]


def _devices() -> list[str]:
    """Slowest first."""
    there = ["cpu"]
    if torch.backends.mps.is_available():
        there.append("mps")
    if torch.cuda.is_available():
        there.append("cuda")
    return there
