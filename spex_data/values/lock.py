"""One writer at a time, and a word about who it is."""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from spex_data.errors import StoreError


@contextmanager
def writer_lock(directory: Path) -> Iterator[str | None]:
    """Holds a run folder for writing; the operating system lets go of it when the holder dies.

    Args:
        directory: The run folder.

    Yields:
        Who held it before and died without letting go; None where the last writer came to an end.

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
        died = _words(_read(card))
        _write_card(card)
        yield died
    finally:
        card.unlink(missing_ok=True)
        lock.release()


def _write_card(card: Path) -> None:
    known = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }
    temporary = card.with_suffix(".tmp")
    temporary.write_text(json.dumps(known))
    temporary.replace(card)


def _holder(card: Path) -> str:
    """Whoever holds the lock now; a card of one who is dead says nothing about that."""
    known = _read(card)
    return "another process" if known is None or _is_dead(known) else str(_words(known))


def _read(card: Path) -> dict[str, Any] | None:
    try:
        known = json.loads(card.read_text())
        return known if {"pid", "host", "since"} <= set(known) else None
    except (OSError, ValueError, TypeError):
        return None


def _words(known: dict[str, Any] | None) -> str | None:
    if known is None:
        return None
    command = f" ({known['command']})" if known.get("command") else ""
    return f"process {known['pid']} on {known['host']} since {known['since']}{command}"


def _is_dead(known: dict[str, Any]) -> bool:
    """Whether the process is known to be gone; of other hosts nothing is known."""
    if known["host"] != socket.gethostname():
        return False
    try:
        os.kill(int(known["pid"]), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError):
        return False
    return False
