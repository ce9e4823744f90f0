"""How many workers a study's fine-tunes have on this machine, and which device each of them computes on.

The assignment is tested with devices that are made up; several real ones in one machine are untried.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

from filelock import FileLock, Timeout

from spex_data.study import StudyConfig


def accelerators(study: StudyConfig) -> tuple[str, ...]:
    """The accelerators that the workers of a study share out among them; none where it computes on the CPU.

    `model.device: auto` and `cuda` mean every CUDA device of the machine, `cuda:N` that one.
    """
    asked = study.model.device
    if asked == "cpu" or (study.model.source == "embedded" and asked == "auto"):
        return ()
    import torch

    if asked.startswith("cuda:"):
        return (asked,)
    if asked in ("auto", "cuda") and torch.cuda.is_available():
        return tuple(f"cuda:{number}" for number in range(torch.cuda.device_count()))
    return ("mps",) if asked in ("auto", "mps") and torch.backends.mps.is_available() else ()


def n_workers(study: StudyConfig, n_chunks: int) -> int:
    """Workers to use: as asked, else one a device or a processor, never more than there are chunks.

    A cluster that is there already has its own; what is said then is how many this machine would have: the
    machines of the cluster are taken to be alike.
    """
    if study.runner.kind == "inline":
        return 1
    asked = study.runner.workers
    places = len(accelerators(study)) or _processors()
    return max(1, min(n_chunks, places if asked == "auto" else asked))


def share_of_memory(study: StudyConfig, n_chunks: int) -> float:
    """The part of the memory of its device, or of the machine, that one worker may use."""
    workers, devices = n_workers(study, n_chunks), len(accelerators(study)) or 1
    return 1 / -(-workers // devices)


def claim_device(directory: Path, devices: Sequence[str]) -> str:
    """The device of this worker, a thread or a process: the first that no other worker of the run holds.

    It is held until the worker ends, however it ends. Where there are more workers than devices, the others
    share them out by chance.

    Args:
        directory: The run folder.
        devices: Names, at least one.
    """
    held: dict[str, tuple[str, FileLock | None]] = vars(_worker).setdefault("held", {})
    place = str(directory.resolve())
    if place not in held:
        held[place] = _first_free(directory, devices)
    return held[place][0]


_worker = threading.local()


def _first_free(directory: Path, devices: Sequence[str]) -> tuple[str, FileLock | None]:
    for name in devices:
        # A folder that several machines share holds the locks of all of them.
        lock = FileLock(directory / f".device-{socket.gethostname()}-{name.replace(':', '-')}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        return name, lock
    return devices[threading.get_native_id() % len(devices)], None


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def end_with_parent() -> None:
    """Lets a worker process end with the run that started it, even if that was killed.

    Without this it would go on with its chunks beside the run that resumes, and hold its memory for good.
    """
    parent = multiprocessing.parent_process()
    if parent is not None and not getattr(_watched, "parent", None):
        _watched.parent = parent
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


_watched = SimpleNamespace()


def _end_after(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)
