"""Files that are whole or not there: documents, pages and pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from spex_data.errors import StoreError
from spex_data.reports.document import as_json


def write_document(path: str | Path, document: Mapping[str, Any]) -> None:
    """Writes a document as strict JSON; the same document gives the same bytes.

    Raises:
        StoreError: The disk is full or read-only.
    """
    write_whole(Path(path), as_json(document).encode())


def read_document(path: str | Path) -> dict[str, Any]:
    """Reads a document such as interactions.json.

    Raises:
        StoreError: There is no such file, or it holds something else than a JSON object.
    """
    path = Path(path)
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise StoreError(
            f"cannot be read ({error.strerror or error})",
            where=str(path),
            instead="give a file that `spex-data run` or `spex-data recover --out` wrote",
        ) from error
    except ValueError as error:
        raise StoreError(
            f"is not JSON ({error})", where=str(path), instead="write it again with `spex-data recover`"
        ) from error
    if not isinstance(document, dict):
        raise StoreError(
            f"holds a {type(document).__name__} and not an object",
            where=str(path),
            instead="write it again with `spex-data recover`",
        )
    return document


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file under a temporary name, syncs it and renames it.

    Raises:
        StoreError: The disk is full or read-only; nothing half-written keeps the name.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise StoreError(
            f"cannot be written ({error.strerror or error})",
            where=str(path),
            instead="free some space or choose another folder with --out, then run the same command again",
        ) from error
