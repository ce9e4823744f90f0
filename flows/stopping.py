"""Runs that end before their end, by `runner.max_hours` or because somebody asked: between chunks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from flows.interrupts import raise_if_interrupted

if TYPE_CHECKING:
    from prefect import Task

P = ParamSpec("P")
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
    at_once: Callable[[], int] = lambda: 1,
    clock: Callable[[], float] = time.time,
) -> Iterator[Done]:
    """The results of chunks, of which none is begun that would probably end after a deadline.

    At least one chunk is done in any case, so that a study whose limit is too short still gets on.

    Args:
        deadline: When to stop, by the clock; None for never.
        chunks: What is to be done, in order.
        start: Begins one.
        first: Of several begun, the one that ends first, and its result.
        at_once: Chunks begun and not ended, at most; asked before each, since clusters grow and shrink.
        clock: Seconds.

    Raises:
        KeyboardInterrupt: Someone asked the run to end.
    """
    waiting, pending = iter(chunks), []
    longest, begun = 0.0, 0
    while True:
        raise_if_interrupted()
        while len(pending) < at_once():
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


def worked_through(
    task: Task[P, Done],
    todo: Sequence[Work],
    arguments: Callable[[Work], tuple[Any, ...]],
    *,
    workers: Callable[[], int] | None,
    deadline: float | None,
    failed: Callable[[Work, Exception], None] | None = None,
) -> Iterator[tuple[Work, Done]]:
    """Pieces of work in the order in which they end, with what they came to; see `until`.

    Args:
        task: Does one of them.
        todo: The pieces, in order.
        arguments: Of the task, for a piece.
        workers: How many the flow's task runner has just now; None to do them here, one after the other.
        deadline: When to begin no further piece; None for never, and then all are handed over at once.
        failed: Told of the piece that ended in an error, which is then raised.
    """
    from prefect.futures import as_completed

    def begin(piece: Work) -> tuple[Work, Any]:
        return piece, task.submit(*arguments(piece)) if workers else None

    def first(begun: list[tuple[Work, Any]]) -> tuple[tuple[Work, Any], tuple[Work, Done]]:
        future = next(iter(as_completed([future for _, future in begun]))) if workers else None
        one = next(one for one in begun if one[1] is future)
        try:
            return one, (one[0], future.result() if future else task(*arguments(one[0])))
        except Exception as error:
            if failed:
                failed(one[0], error)
            raise

    def at_once() -> int:
        if not workers:
            return 1
        return workers() if deadline is not None else len(todo)

    yield from until(deadline, todo, begin, first, at_once=at_once)


@contextmanager
def workers_told(stopping: Path) -> Iterator[None]:
    """Lets workers end after the chunk in hand, where the flow ends before they do.

    Args:
        stopping: File that is there from then on, where workers look; one of an earlier run goes.
    """
    stopping.unlink(missing_ok=True)
    try:
        yield
    except BaseException:
        stopping.touch()
        raise


def result_of(flow: Callable[P, Done], *words: P.args, **more: P.kwargs) -> Done:
    """What a flow comes to: its own result, which its final state may come back without.

    Raises:
        Stopped: Its limit of time ended it, or somebody did.
    """
    from prefect.exceptions import CancelledRun

    try:
        return flow(*words, **more)
    except CancelledRun as cancelled:
        raise Stopped(str(cancelled) or "stopped") from None
