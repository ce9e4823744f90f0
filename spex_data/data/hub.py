"""Tables of text from Hugging Face data sets, by id or from a directory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute

from spex_data.data.files import text_table
from spex_data.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

REACH_SECONDS = 5.0
"""How long the hub may take to answer before it counts as unreachable."""


def read_dataset(source: str, *, split: str, name: str | None = None) -> pa.Table:
    """One split of a data set, every scalar column as text and class labels by their names.

    No code of the data set is run. Without a network the answer comes within seconds.

    Args:
        source: A directory written by `save_to_disk`, a directory of data files, or an id on the hub.
        split: The split, as `datasets` spells it ("train", "test[:100]").
        name: The data set's configuration, where it has several.

    Returns:
        A table of string columns, null where the data set has no value.

    Raises:
        DataError: If the data set, configuration or split does not exist, or the hub cannot be reached.
    """
    directory = Path(source).expanduser()
    with _quiet():
        if (directory / "state.json").exists() or (directory / "dataset_dict.json").exists():
            dataset = _from_disk(directory, split)
        else:
            if not directory.is_dir():
                _require_id(source)
                _require_hub(source)
            dataset = _load(str(directory) if directory.is_dir() else source, split, name)
    return _to_table(dataset)


def _from_disk(directory: Path, split: str) -> Dataset:
    import datasets

    try:
        saved = datasets.load_from_disk(str(directory))
    except Exception as error:
        raise _unreadable(str(directory), error) from error
    if isinstance(saved, datasets.DatasetDict):
        if split not in saved:
            there = ", ".join(saved)
            raise DataError(
                f"has no split {split!r}", where=str(directory), instead=f"choose one of its splits: {there}"
            )
        return saved[split]
    if split not in ("train", str(saved.split)):
        raise DataError(
            f"holds one unnamed split, not {split!r}", where=str(directory), instead="name another directory"
        )
    return saved


def _load(source: str, split: str, name: str | None) -> Dataset:
    import datasets

    try:
        loaded: Any = datasets.load_dataset(source, name, split=split)
    except datasets.exceptions.DatasetNotFoundError as error:
        raise DataError(
            "is neither a file here nor a data set that the hub shows you",
            where=source,
            instead="check the spelling, or log in with `hf auth login` if it is private",
        ) from error
    except Exception as error:  # `datasets` has no common error for a wrong configuration, split or file.
        raise _unreadable(source, error) from error
    return loaded


def _unreadable(source: str, error: Exception) -> DataError:
    lines = str(error).splitlines()
    reason = lines[0] if lines else type(error).__name__
    return DataError(
        f"cannot be loaded ({reason})",
        where=source,
        instead="check the data set's id, configuration and split",
    )


def _require_id(source: str) -> None:
    if not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", source):
        raise DataError(
            "there is no such file or directory",
            where=source,
            instead="give the path of one that exists, or the id of a Hugging Face data set",
        )


def _require_hub(source: str) -> None:
    """Ask once whether the hub answers, because `datasets` itself retries for 20 seconds and more."""
    import datasets
    import huggingface_hub

    if datasets.config.HF_HUB_OFFLINE:
        return
    endpoint = huggingface_hub.constants.ENDPOINT
    try:
        huggingface_hub.get_session().head(endpoint, timeout=REACH_SECONDS)
    except Exception as error:  # The transport's own errors differ between releases of huggingface_hub.
        raise DataError(
            f"is no file here, and the hub ({endpoint}) cannot be reached to look for a data set of that id",
            where=source,
            instead="give a local path, check the network, or set HF_HUB_OFFLINE=1 to use a cached copy",
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the progress bars of `datasets` out of ours."""
    import datasets

    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


def _to_table(dataset: Dataset) -> pa.Table:
    import datasets

    table: pa.Table = dataset.with_format("arrow")[:]
    columns: dict[str, pa.ChunkedArray] = {}
    for column in table.column_names:
        feature, values = dataset.features[column], table[column]
        if isinstance(feature, datasets.ClassLabel) and feature.names:
            # Hidden test labels are -1 on the hub: no label.
            known = pyarrow.compute.if_else(pyarrow.compute.greater_equal(values, 0), values, None)
            values = pyarrow.compute.take(pa.array(feature.names), known)
        columns[column] = values
    return text_table(columns)
