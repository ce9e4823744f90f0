"""Memory: how much there is, what one adapter takes of it, and what is said when it is too little."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from spex_data.errors import TrainingError
from spex_data.models.memory import ran_out_of_memory

_CGROUP = Path("/sys/fs/cgroup")
_COPIES = 6
"""Parameters, their gradient twice, two moments of AdamW, and the copy that is handed back."""


@contextmanager
def fitting() -> Iterator[None]:
    """Says in our own words when memory runs out in work that cannot be cut any smaller.

    Raises:
        TrainingError: Memory ran out.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not ran_out_of_memory(error):
            raise
        raise nothing_fits() from error


def forget_cached() -> None:
    """Gives back what torch holds in reserve."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def free_bytes(device: str) -> int | None:
    """Memory that is free for what runs on a device, the limit of a container counted; None if unknown."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    if device != "cpu":
        return None
    known = [_of_the_machine(), _of_the_container(_CGROUP)]
    return min((found for found in known if found is not None), default=None)


def nothing_fits() -> TrainingError:
    """What to say when the smallest piece of work there is does not fit into memory."""
    return TrainingError(
        "not even one adapter and one example fit into memory",
        where="training",
        instead="choose a smaller model, shorter examples, fewer lora.layers, or model.dtype: bfloat16",
    )


def bytes_of_an_adapter(n_parameters: int, dtype: torch.dtype) -> int:
    """What one more adapter in a pass takes, the rows that it brings not counted."""
    return _COPIES * n_parameters * dtype.itemsize


def _of_the_machine() -> int | None:
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def _of_the_container(folder: Path) -> int | None:
    with suppress(OSError, ValueError):
        # "max" where there is no limit, which is no number.
        limit = int((folder / "memory.max").read_text())
        return max(0, limit - int((folder / "memory.current").read_text()))
    return None
