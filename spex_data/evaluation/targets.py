"""The predictions that a study explains; needs no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from spex_data.data import Task
from spex_data.errors import TargetError

Output = Literal["log-odds", "min-token-log-odds", "contrast", "log-prob", "loss", "probability", "accuracy"]
OUTPUTS: tuple[str, ...] = get_args(Output)
UNITS = {
    "log-odds": "log-odds",
    "min-token-log-odds": "log-odds of the worst token",
    "contrast": "log p(answer) - log p(foil)",
    "log-prob": "log-probability",
    "loss": "minus the loss, nats a token",
    "probability": "probability",
    "accuracy": "accuracy",
}
"""What to write on an axis."""
_LONGEST_NAME = 40


@dataclass(frozen=True)
class Targets:
    """Questions whose answers' values are measured.

    Attributes:
        task: "classification" or "causal-lm".
        names: Short and different from each other.
        ids: 16 hexadecimal characters each: hash(task, input, answer, foil, output).
        inputs: Text, or prompt.
        answers: Label, or completion.
        foils: The answer that `contrast` compares with; None for other outputs.
        outputs: What is measured of each.
    """

    task: Task
    names: tuple[str, ...]
    ids: tuple[str, ...]
    inputs: tuple[str, ...]
    answers: tuple[str, ...]
    foils: tuple[str | None, ...]
    outputs: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def content_hash(self) -> str:
        """64 hexadecimal characters that name the targets in their order, names not counted."""
        return hashlib.sha256("\n".join(self.ids).encode()).hexdigest()

    def select(self, columns: Sequence[int]) -> Targets:
        """Some of the targets."""
        return Targets(
            self.task,
            tuple(self.names[column] for column in columns),
            tuple(self.ids[column] for column in columns),
            tuple(self.inputs[column] for column in columns),
            tuple(self.answers[column] for column in columns),
            tuple(self.foils[column] for column in columns),
            tuple(self.outputs[column] for column in columns),
        )

    def joined(self, others: Targets) -> Targets:
        """These and those of the others that are not among them; a name given before gets a number."""
        added = others.select([column for column, one in enumerate(others.ids) if one not in self.ids])
        return Targets(
            self.task,
            _distinct([*self.names, *added.names]),
            self.ids + added.ids,
            self.inputs + added.inputs,
            self.answers + added.answers,
            self.foils + added.foils,
            self.outputs + added.outputs,
        )

    @property
    def units(self) -> tuple[str, ...]:
        """What each value is in, for axes and tables."""
        return tuple(UNITS[output] for output in self.outputs)


def make_targets(
    task: Task,
    inputs: Sequence[str],
    answers: Sequence[str],
    *,
    names: Sequence[str] | None = None,
    foils: Sequence[str | None] | None = None,
    outputs: str | Sequence[str] = "log-odds",
) -> Targets:
    """Targets from their parts.

    Args:
        task: "classification" or "causal-lm".
        inputs: One a target.
        answers: One a target.
        names: One a target; the input, shortened, where not given. A name given before gets a number.
        foils: One a target; needed by `contrast`, ignored by the rest.
        outputs: One for all, or one a target. `loss` is the mean log-probability of the answer's tokens: the
            loss with its sign flipped, so that higher is better in every output.

    Raises:
        TargetError: No target, an unknown output, or a contrast without a foil.
    """
    if not len(inputs):
        raise TargetError("there are no targets", where="targets", instead="name at least one row")
    kinds = [outputs] * len(inputs) if isinstance(outputs, str) else list(outputs)
    given = [foil or None for foil in foils] if foils else [None] * len(inputs)
    for row, (kind, foil) in enumerate(zip(kinds, given, strict=True)):
        if kind not in OUTPUTS:
            raise TargetError(
                f"is {kind!r} for target {row}",
                where="targets.output",
                instead=f"write one of {', '.join(OUTPUTS)}",
            )
        if kind == "contrast" and foil is None:
            raise TargetError(
                f"target {row} has none, and its output is contrast",
                where="targets.foil",
                instead="name the column of the answers to compare with",
            )
    used = [foil if kind == "contrast" else None for kind, foil in zip(kinds, given, strict=True)]
    ids = tuple(_identity(task, *parts) for parts in zip(inputs, answers, used, kinds, strict=True))
    shown = _distinct(names or [_short(text) for text in inputs])
    return Targets(task, shown, ids, tuple(inputs), tuple(answers), tuple(used), tuple(kinds))


def _identity(*parts: str | None) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _LONGEST_NAME else words[: _LONGEST_NAME - 1].rstrip() + "…"


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names, a number added to one that was there before."""
    taken: set[str] = set()
    distinct = []
    for name in names:
        chosen, number = name, 2
        while chosen in taken:
            chosen, number = f"{name} ({number})", number + 1
        taken.add(chosen)
        distinct.append(chosen)
    return tuple(distinct)
