"""Files that are whole or not there: written under a temporary name, synced, and renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spex_data.errors import StoreError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Gives a temporary path, which becomes `path` when the block ends well.

    Args:
        path: The file to be; its folder is made if need be.

    Yields:
        Where to write.

    Raises:
        StoreError: The disk is full or read-only; nothing half-written keeps the name.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise StoreError(
            f"cannot be written ({error.strerror or error})",
            where=str(path),
            instead="free some space or choose another folder with --out, then run the same command again",
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_whole(path: Path, content: bytes) -> None:
    """Writes bytes as one whole file.

    Raises:
        StoreError: The disk is full or read-only.
    """
    with whole_file(path) as temporary:
        temporary.write_bytes(content)
