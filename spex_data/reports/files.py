"""Documents as files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spex_data.errors import StoreError
from spex_data.reports.document import as_json
from spex_data.values import write_whole


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
