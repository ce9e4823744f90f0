"""A run of several texts: each is a run of its own, in a folder within the study's."""

from __future__ import annotations

import json
from pathlib import Path

from spex_data.errors import StoreError
from tasks.run_folder import RunFolder


def texts_of(folder: RunFolder) -> list[tuple[str, RunFolder]]:
    """The texts of a run with their folders; none of a run that is of one text, or of another lens."""
    if not folder.texts.is_file():
        return []
    entries = json.loads(folder.texts.read_text())["texts"]
    return [(str(one["name"]), RunFolder(folder.directory / one["folder"])) for one in entries]


def require_one_text(directory: Path, command: str, *more: str) -> None:
    """Refuses a run of several texts where a command is about one.

    Args:
        directory: The run folder.
        command: Of `spex-data`.
        more: What else it takes.

    Raises:
        StoreError: It is one of several.
    """
    texts = texts_of(RunFolder(directory))
    if texts:
        words = " ".join(["spex-data", command, str(texts[0][1].directory), *more])
        raise StoreError(
            f"holds {len(texts)} texts, each a run of its own",
            where=str(directory),
            instead=f"name one of them, such as `{words}`",
        )
