"""What a table of one's own holds: which columns are text, answers and groups, and for which task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spex_data.data import Task
from spex_data.errors import DataError

FEW = 32
"""Distinct values up to which a column is proposed as groups: at n = 32, 4 n log2 n are 640 masks."""
ENOUGH = 6
"""Rows below which it is not the columns that are wrong."""
_TEXT = ("text", "sentence", "question", "utterance", "content", "message", "body", "review")
_LABEL = ("label", "category", "class", "intent", "sentiment", "topic", "target")
_PROMPT = ("prompt", "instruction", "question", "input", "context")
_COMPLETION = ("completion", "response", "answer", "output", "target")
_GROUP = ("source", "group", "origin", "domain", "author", "file", "dataset", "topic", "category")


@dataclass(frozen=True)
class Column:
    """A column in figures.

    Attributes:
        name: Its name.
        counts: Rows of each value, blanks left out.
        blank: Rows without a value.
        length: Mean characters of a value.
    """

    name: str
    counts: Counter[str]
    blank: int
    length: float

    @property
    def distinct(self) -> int:
        """Number of different values."""
        return len(self.counts)

    @property
    def repeats(self) -> bool:
        """Whether its values look like classes: at least two, no blank, and two rows or more of each."""
        rows = sum(self.counts.values())
        return self.blank == 0 and 2 <= self.distinct <= rows / 2


@dataclass(frozen=True)
class Reading:
    """What the columns are taken for.

    Attributes:
        task: "classification" or "causal-lm".
        inputs: Column of the text or prompt.
        answers: Column of the label or completion.
        group: Column whose few values are the groups; None if there is none.
    """

    task: Task
    inputs: str
    answers: str
    group: str | None


def describe_columns(columns: Mapping[str, Sequence[str | None]]) -> tuple[Column, ...]:
    """The columns in figures, in their order."""
    described = []
    for name, cells in columns.items():
        filled = [cell for cell in cells if cell is not None and cell.strip()]
        length = sum(map(len, filled)) / max(len(filled), 1)
        described.append(Column(name, Counter(filled), len(cells) - len(filled), length))
    return tuple(described)


def read_columns(
    columns: Sequence[Column],
    *,
    source: str,
    task: Task | None = None,
    inputs: str | None = None,
    answers: str | None = None,
    group: str | None = None,
) -> Reading:
    """Says which columns are what, by their names and by what they hold.

    A task that is not given is causal-lm where there are a prompt and a completion by name and the completion
    does not look like classes, and else classification.

    Args:
        columns: The columns of the file.
        source: What errors call the file.
        task: The task, if the user said it.
        inputs: Column of the text or prompt, if the user said it.
        answers: Column of the label or completion, if the user said it.
        group: Column of the groups, if the user said it.

    Raises:
        DataError: A column named is not there, or nothing fits.
    """
    by_name = {column.name: column for column in columns}
    for option, name in (("--input", inputs), ("--answer", answers), ("--group", group)):
        if name is not None and name not in by_name:
            raise DataError(f"has no column {name!r}", where=f"{option}: {source}", instead=_there(columns))
    task = task or _task(columns, by_name[answers] if answers else None)
    left = [column for column in columns if column.name not in (inputs, answers)]
    if task == "causal-lm":
        free = [column for column in left if column.name != group]
        inputs = inputs or _named(free, _PROMPT)
        answers = answers or _named([column for column in free if column.name != inputs], _COMPLETION)
    else:
        classes = [column for column in left if column.repeats]
        answers = answers or _named(classes, _LABEL) or _fewest([c for c in classes if c.name != group])
        texts = [column for column in left if column.name != answers]
        inputs = inputs or _named(texts, _TEXT) or _longest(texts)
    if inputs is None or answers is None or inputs == answers:
        raise _nothing_fits(columns, task, source)
    return Reading(task, inputs, answers, group or _groups(columns, task, inputs, answers))


def _nothing_fits(columns: Sequence[Column], task: Task, source: str) -> DataError:
    """Why no study can be proposed: no columns, too few rows, or columns that look like neither."""
    rows = columns[0].blank + sum(columns[0].counts.values()) if columns else 0
    if not columns:
        return DataError(
            "holds no column of texts or numbers, only lists or records",
            where=source,
            instead="write the text and its label, or the prompt and its completion, as fields of their own",
        )
    naming = f"name them with --task, --input and --answer; {_there(columns)}"
    if rows < ENOUGH:
        told = f"holds {rows} row{'s' * (rows != 1)}, too few to tell texts from labels"
        return DataError(told, where=source, instead=f"give some dozens of examples, or {naming}")
    wanted = "prompts and completions" if task == "causal-lm" else "texts and their labels"
    return DataError(f"no two columns look like {wanted}", where=source, instead=naming)


def _task(columns: Sequence[Column], answers: Column | None) -> Task:
    if answers is not None:
        return "classification" if answers.repeats and answers.distinct <= 200 else "causal-lm"
    prompt = _named(columns, _PROMPT)
    completion = _named([column for column in columns if column.name != prompt], _COMPLETION)
    found = next((column for column in columns if column.name == completion), None)
    if prompt is None or found is None:
        return "classification"
    # Completions keep their name; a column called `target` that repeats few values holds classes.
    return "classification" if found.name.lower() == "target" and found.repeats else "causal-lm"


def _groups(columns: Sequence[Column], task: Task, inputs: str, answers: str) -> str | None:
    """A column that says where rows come from, or else one of few values, or else the label."""
    few = [
        column
        for column in columns
        if column.name not in (inputs, answers) and column.repeats and column.distinct <= FEW
    ]
    label = next(column for column in columns if column.name == answers)
    fits = task == "classification" and label.repeats and label.distinct <= FEW
    return _named(few, _GROUP) or (answers if fits else _fewest(few))


def _named(columns: Sequence[Column], names: Sequence[str]) -> str | None:
    lower = {column.name.lower(): column.name for column in reversed(columns)}
    return next((lower[name] for name in names if name in lower), None)


def _fewest(columns: Sequence[Column]) -> str | None:
    return min(columns, key=lambda column: column.distinct).name if columns else None


def _longest(columns: Sequence[Column]) -> str | None:
    return max(columns, key=lambda column: column.length).name if columns else None


def _there(columns: Sequence[Column]) -> str:
    return "its columns: " + ", ".join(repr(column.name) for column in columns)
