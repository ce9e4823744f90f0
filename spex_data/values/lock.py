"""One writer at a time, and a word about who it is."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from spex_data.errors import StoreError


@contextmanager
def writer_lock(directory: Path) -> Iterator[None]:
    """Holds a run folder for writing; the operating system lets go of it when the holder dies.

    Args:
        directory: The run folder.

    Raises:
        StoreError: Another process holds it (which, on what host, since when), or the folder is read-only.
    """
    card = directory / ".writer.json"
    lock = FileLock(directory / ".writer.lock")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise StoreError(
            f"is being written by {_holder(card)}",
            where=str(directory),
            instead="wait for it or stop it, or give this run another folder with --out",
        ) from None
    except OSError as error:
        raise StoreError(
            f"cannot be written ({error.strerror or error})",
            where=str(directory),
            instead="choose another folder with --out",
        ) from error
    try:
        _write_card(card)
        yield
    finally:
        card.unlink(missing_ok=True)
        lock.release()


def _write_card(card: Path) -> None:
    since = datetime.now().astimezone().isoformat(timespec="seconds")
    card.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since}))


def _holder(card: Path) -> str:
    try:
        known = json.loads(card.read_text())
        return f"process {known['pid']} on {known['host']} since {known['since']}"
    except (OSError, ValueError, KeyError):
        return "another process"
