"""The errors a user can cause, each saying what is wrong, where, and what to write instead."""

from __future__ import annotations

from collections.abc import Sequence


class SpexDataError(Exception):
    """The user's input is wrong; the command ends with exit code 2 and this message.

    Args:
        what: What is wrong, with the value found ("is 1, and at least 2 groups are needed").
        where: The place a user can go to: a config key, a file and column, a target's name.
        instead: What to write or do instead.
    """

    def __init__(self, what: str, *, where: str = "", instead: str = "") -> None:
        self.what, self.where, self.instead = what, where, instead
        super().__init__(what, where, instead)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.what}" + (f"; {self.instead}" if self.instead else "")

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.where, self.instead)


class ConfigError(SpexDataError):
    """A key of the study's configuration is wrong."""


class DataError(SpexDataError):
    """A data source cannot be read, or lacks what the task needs."""


class GroupingError(SpexDataError):
    """The examples cannot be put into groups as asked."""


class MaskError(SpexDataError):
    """The masks asked for cannot be drawn, or masks given are not masks."""


class ModelError(SpexDataError):
    """A base model cannot be loaded, or does not fit the task."""


class TrainingError(SpexDataError):
    """A recipe does not fit the model or the examples."""


class TargetError(SpexDataError):
    """A target cannot be measured."""


class StoreError(SpexDataError):
    """The values on disk cannot be read, written, or belong to another study."""


class DecodingError(SpexDataError):
    """The masks and values given cannot be decoded."""


class RunnerError(SpexDataError):
    """The flow cannot run where it was asked to, or cannot reach a server."""


class OutageError(RunnerError):
    """A server that answered when a run began does not any more: nothing that its user wrote is wrong."""


class SeveralErrors(SpexDataError):
    """All that is wrong at once, one message a line."""

    def __init__(self, errors: Sequence[SpexDataError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(str(error) for error in self.errors))

    def __reduce__(self) -> tuple[object, ...]:
        return SeveralErrors, (self.errors,)


def _rebuild(kind: type[SpexDataError], what: str, where: str, instead: str) -> SpexDataError:
    return kind(what, where=where, instead=instead)
