"""How far a flow is, told to whoever listens: the terminal, or nobody in a scheduled run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from flows.interrupts import raise_if_interrupted


@dataclass(frozen=True)
class Progress:
    """A moment of a flow.

    Attributes:
        stage: What is being done, in words.
        done: Fine-tunes done, or 0 in another stage.
        total: Fine-tunes in all, or 0 in another stage.
        failed: Fine-tunes that failed so far.
        lasting: Whether `stage` is a line to keep, such as what is reused, and no stage.
    """

    stage: str
    done: int = 0
    total: int = 0
    failed: int = 0
    lasting: bool = False


Listener = Callable[[Progress], None]
_listener: ContextVar[Listener | None] = ContextVar("progress_listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Sends every moment told within the block to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def also_listening(listener: Listener) -> Iterator[None]:
    """Sends every moment told within the block to `listener` too, beside who listens already."""
    first = _listener.get()

    def both(progress: Progress) -> None:
        if first is not None:
            first(progress)
        listener(progress)

    with listening(both):
        yield


def tell(progress: Progress) -> None:
    """Tells how far the flow is, if anyone listens; a run that was asked to end ends here at the latest."""
    raise_if_interrupted()
    listener = _listener.get()
    if listener is not None:
        listener(progress)


def say(line: str) -> None:
    """Tells a line that stays where a stage would make way for the next."""
    tell(Progress(line, lasting=True))
