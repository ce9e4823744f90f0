"""Examples with ids that depend on their own content alone."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from spex_data.errors import DataError

Task = Literal["classification", "causal-lm"]

PARTS: Mapping[str, tuple[str, str]] = {
    "classification": ("text", "label"),
    "causal-lm": ("prompt", "completion"),
}
"""What the input and the output of an example are called in each task."""


@dataclass(frozen=True)
class Examples:
    """Rows of text to fine-tune on or to ask about, all for one task.

    Args:
        task: "classification" (a text and its label) or "causal-lm" (a prompt and its completion).
        ids: 16 hexadecimal characters a row, the hash of task, input, output and the occurrence
            among identical rows; no two rows share one.
        inputs: Text or prompt of each row, as found.
        outputs: Label or completion of each row, as found.
        columns: All columns of the source by name, as text, aligned with the rows.
    """

    task: Task
    ids: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels there are, sorted; none for causal language modelling."""
        return tuple(sorted(set(self.outputs))) if self.task == "classification" else ()

    @property
    def content_hash(self) -> str:
        """64 hexadecimal characters that name the examples in their order: masks refer to them by row."""
        return hashlib.sha256("\n".join([self.task, *self.ids]).encode()).hexdigest()

    def select(self, rows: Sequence[int]) -> Examples:
        """The given rows in the given order, each under the id it has here.

        Args:
            rows: Distinct row numbers in [0, len(self)).

        Returns:
            Examples with one row for each number.

        Raises:
            DataError: If a row does not exist or is given twice.
        """
        outside = next((row for row in rows if not 0 <= row < len(self)), None)
        if outside is not None:
            raise DataError(
                f"there is no row {outside}", instead=f"choose rows between 0 and {len(self) - 1}"
            )
        if len(set(rows)) < len(rows):
            twice = Counter(rows).most_common(1)[0][0]
            raise DataError(f"row {twice} is chosen twice", instead="name every row once")
        return Examples(
            self.task,
            tuple(self.ids[row] for row in rows),
            tuple(self.inputs[row] for row in rows),
            tuple(self.outputs[row] for row in rows),
            {name: tuple(values[row] for row in rows) for name, values in self.columns.items()},
        )


def make_examples(
    task: Task,
    inputs: Sequence[str],
    outputs: Sequence[str],
    columns: Mapping[str, Sequence[str]] | None = None,
) -> Examples:
    """Examples from texts that are in memory.

    id(x) = first 16 hexadecimal digits of sha256(task, input, output, occurrence), where the occurrence
    counts the identical rows above x, so that an id depends on no other content than its own.

    Args:
        task: "classification" or "causal-lm".
        inputs: Text or prompt of each row; none may be blank.
        outputs: Label or completion of each row; none may be blank.
        columns: Further columns by name, one text a row.

    Returns:
        One example a row, in the order given.

    Raises:
        DataError: If the task is unknown, there are no rows, the lengths differ, or a text is blank.
    """
    if task not in get_args(Task):
        raise DataError(f"task {task!r} is unknown", instead="write 'classification' or 'causal-lm'")
    columns = columns or {}
    _require_equal_lengths(task, inputs, outputs, columns)
    for part, texts in zip(PARTS[task], (inputs, outputs), strict=True):
        blank = next((row for row, text in enumerate(texts) if not text.strip()), None)
        if blank is not None:
            raise DataError(
                f"the {part} of row {blank} is empty (the first row is row 0)",
                instead=f"give every row a {part}, or leave the row out",
            )
    return Examples(
        task,
        _ids(task, inputs, outputs),
        tuple(inputs),
        tuple(outputs),
        {name: tuple(values) for name, values in columns.items()},
    )


def _require_equal_lengths(
    task: Task, inputs: Sequence[str], outputs: Sequence[str], columns: Mapping[str, Sequence[str]]
) -> None:
    if not inputs:
        raise DataError("there are no examples", instead="give at least one row")
    lengths = {PARTS[task][1]: len(outputs), **{name: len(values) for name, values in columns.items()}}
    for name, length in lengths.items():
        if length != len(inputs):
            raise DataError(
                f"there are {len(inputs)} rows of {PARTS[task][0]} and {length} of {name}",
                instead="give as many of each",
            )


def _ids(task: str, inputs: Sequence[str], outputs: Sequence[str]) -> tuple[str, ...]:
    seen: Counter[tuple[str, str]] = Counter()
    ids = []
    for content in zip(inputs, outputs, strict=True):
        # JSON keeps the parts apart: plain concatenation would give ("ab", "c") and ("a", "bc") one id.
        text = json.dumps([task, *content, seen[content]])
        ids.append(hashlib.sha256(text.encode()).hexdigest()[:16])
        seen[content] += 1
    return tuple(ids)
