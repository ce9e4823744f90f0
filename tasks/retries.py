"""What is worth trying again: failures that pass by themselves, never what a user must change."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from prefect.cache_policies import NO_CACHE

from spex_data.errors import OutageError, SpexDataError

if TYPE_CHECKING:
    from prefect.states import State

DELAYS = (2.0, 8.0, 32.0)
"""Seconds before a task is begun again, give or take a half."""
PATIENCE = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds between calls of a server that was there when the run began."""

_PASSING_ERRNOS = {
    errno.EAGAIN, errno.EBUSY, errno.EIO, errno.ESTALE, errno.ETIMEDOUT,
    errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTUNREACH,
}  # fmt: skip
_PASSING_KINDS = {
    "httpx.TransportError",
    "requests.exceptions.ConnectionError",
    "requests.exceptions.Timeout",
    "sqlalchemy.exc.OperationalError",
    "sqlalchemy.exc.InterfaceError",
}
_PASSING_CODES = {"TEMPORARILY_UNAVAILABLE", "INTERNAL_ERROR", "REQUEST_LIMIT_EXCEEDED"}
_PASSING_WORDS = ("OperationalError", "InterfaceError", "connection already closed", "database is locked")
_Result = TypeVar("_Result")


def is_passing(error: BaseException) -> bool:
    """Whether an error may be gone when the same is tried a little later: a network, a lock, a restart."""
    return any(_one_is_passing(one) for one in _with_causes(error))


def is_transient(_task: object, _run: object, state: State[Any]) -> bool:
    """`is_passing` of what a task run ended with, as Prefect asks for it."""
    return isinstance(state.data, BaseException) and is_passing(state.data)


TASK_OPTIONS: dict[str, Any] = {
    "retries": len(DELAYS),
    "retry_delay_seconds": list(DELAYS),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": is_transient,
    # The store knows what is done; Prefect would hash whole tables to find out.
    "cache_policy": NO_CACHE,
}
"""Of every task of ours."""


def patiently(call: Callable[[], _Result], *, server: str, where: str) -> _Result:
    """Calls a server that was there when the run began, for half a minute if it must be.

    Args:
        call: May be made several times.
        server: What answers, in a word.
        where: Its address, as the study names it.

    Raises:
        OutageError: It does not answer any more.
    """
    for delay in (*PATIENCE, None):
        try:
            return call()
        except Exception as error:
            if not is_passing(error):
                raise
            if delay is None:
                raise OutageError(
                    f"{server} stopped answering ({str(error).splitlines()[0][:160]})",
                    where=where,
                    instead="start it again, then the same command: what was measured is kept",
                ) from error
            time.sleep(delay)
    raise AssertionError("the last delay is None")


def _with_causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from; what stands behind a message to the user is its own matter."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, SpexDataError):
        yield seen
        seen = seen.__cause__


def _one_is_passing(error: BaseException) -> bool:
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    if _kinds(error) & _PASSING_KINDS:
        return True
    if "mlflow.exceptions.MlflowException" in _kinds(error):
        code = str(getattr(error, "error_code", ""))
        return code in _PASSING_CODES or any(words in str(error) for words in _PASSING_WORDS)
    return isinstance(error, OSError) and error.errno in _PASSING_ERRNOS


def _kinds(error: BaseException) -> set[str]:
    """Full names of its classes; by name, so that nothing is imported to ask."""
    return {f"{kind.__module__}.{kind.__name__}" for kind in type(error).__mro__}
