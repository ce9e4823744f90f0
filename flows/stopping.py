"""Runs that end before their end by their own limit, `runner.max_hours`: cleanly, between chunks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from flows.interrupts import raise_if_interrupted

if TYPE_CHECKING:
    from prefect import State

Work = TypeVar("Work")
Future = TypeVar("Future")
Done = TypeVar("Done")


class Stopped(Exception):
    """A run that its limit of time ended; what was measured is kept, and the same command goes on."""


def stopped(done: int, total: int, hours: float, *, what: str = "fine-tunes") -> Stopped:
    """The message of a run that stopped.

    Args:
        done: Fine-tunes measured, those of earlier executions among them.
        total: Fine-tunes of the plan.
        hours: The limit.
        what: They are.
    """
    return Stopped(
        f"stopped between chunks by runner.max_hours = {hours:g}: {done:,} of {total:,} {what} are measured"
    )


def until(
    deadline: float | None,
    chunks: Iterable[Work],
    start: Callable[[Work], Future],
    first: Callable[[list[Future]], tuple[Future, Done]],
    *,
    at_once: int = 1,
    clock: Callable[[], float] = time.time,
) -> Iterator[Done]:
    """The results of chunks, of which none is begun that would probably end after a deadline.

    At least one chunk is done in any case, so that a study whose limit is too short still gets on.

    Args:
        deadline: When to stop, by the clock; None for never.
        chunks: What is to be done, in order.
        start: Begins one.
        first: Of several begun, the one that ends first, and its result.
        at_once: Chunks begun and not ended, at most.
        clock: Seconds.

    Raises:
        KeyboardInterrupt: Someone asked the run to end.
    """
    waiting, pending = iter(chunks), []
    longest, begun = 0.0, 0
    while True:
        raise_if_interrupted()
        while len(pending) < at_once:
            late = deadline is not None and begun > 0 and clock() + longest > deadline
            chunk = None if late else next(waiting, None)
            if chunk is None:
                waiting = iter(())
                break
            pending.append((clock(), start(chunk)))
            begun += 1
        if not pending:
            return
        ended, result = first([future for _, future in pending])
        longest = max(longest, *(clock() - since for since, future in pending if future is ended))
        pending = [one for one in pending if one[1] is not ended]
        yield result


def result_of(state: State[Any]) -> Any:
    """What a flow came to, from the state that it ended in.

    Raises:
        Stopped: Its limit of time ended it.
    """
    if state.is_cancelled():
        raise Stopped(state.message or "stopped")
    return state.result()
