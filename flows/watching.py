"""Prefect's server while a run goes on: somebody cancels the run on its page, or the server is gone for good.

Prefect leaves both to the worker of a deployment. A run that was started by the command has none: a cancel
would stay "Cancelling" until the run has come to its end, and each call of a server that is gone would be
tried again for a minute, one after another.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import CancelledRun, ObjectNotFound
from prefect.runtime import deployment, flow_run
from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    temporary_settings,
)
from prefect.states import Cancelled
from rich.console import Console

from flows.interrupts import cancel, cancelled, listening
from flows.stopping import Stopped
from flows.terminal import print_error
from spex_data.errors import RunnerError
from tasks.tracking_addresses import without_password

SECONDS_BETWEEN_LOOKS = 3.0
PATIENCE = 60.0
"""Seconds that a server may stay away; one that restarts on a busy machine takes some 20."""
CANCELLED = "cancelled on Prefect's page; what was measured is kept"


@contextmanager
def watched(gone: Callable[[RunnerError], None] = lambda _: None) -> Iterator[None]:
    """Within it a cancel ends the run as Ctrl-C would, and a server that stays away ends the command.

    Args:
        gone: Called before the process ends, in another thread; the main one may wait for the server.

    Raises:
        Stopped: Somebody cancelled the run.
    """
    if not PREFECT_API_URL.value() or not flow_run.id or deployment.id:
        yield
        return
    over = threading.Event()

    def leave(error: RunnerError) -> None:
        gone(error)
        print_error(Console(stderr=True), error)
        leave_at_once(1)

    runs = {UUID(str(run)) for run in (flow_run.id, flow_run.root_flow_run_id) if run}
    threading.Thread(target=copy_context().run, args=(watch, runs, over, leave), daemon=True).start()
    try:
        yield
    except (KeyboardInterrupt, CancelledRun):
        if cancelled():
            raise Stopped(CANCELLED) from None
        raise
    finally:
        over.set()


def watch(
    runs: Collection[UUID],
    over: threading.Event,
    gone: Callable[[RunnerError], None],
    *,
    patience: float = PATIENCE,
    between: float = SECONDS_BETWEEN_LOOKS,
) -> None:
    """Looks at flow runs until it is over, one of them is cancelled, or the server stays away.

    Args:
        runs: This flow run and the one that began it.
        over: Set when nobody needs to look any more.
        gone: Called once, if the server does not answer for `patience` seconds; not where the process is
            not the command's own.
        patience: Seconds.
        between: Seconds between two looks.
    """
    away: float | None = None
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0, PREFECT_API_REQUEST_TIMEOUT: 10.0}):
        while not over.wait(between):
            try:
                if _is_cancelled(runs):
                    cancel()
                    return
                away = None
            except httpx.HTTPError as error:
                away = away or time.monotonic()
                if listening() and time.monotonic() - away > patience:
                    gone(_gone(patience, error))
                    return
            except ObjectNotFound:  # somebody deleted the run on the page
                return


def _is_cancelled(runs: Collection[UUID]) -> bool:
    with get_client(sync_client=True) as client:
        states = [client.read_flow_run(run).state for run in runs]
    return any(state is not None and (state.is_cancelling() or state.is_cancelled()) for state in states)


def _gone(patience: float, error: Exception) -> RunnerError:
    return RunnerError(
        f"Prefect's server has not answered for {patience:g} s ({error})",
        where=f"PREFECT_API_URL = {without_password(str(PREFECT_API_URL.value()))}",
        instead="start it again, then the same command: what was measured is kept",
    )


def leave_at_once(code: int) -> None:
    """Ends the process without Prefect's farewell: its threads would wait for the server for minutes."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def state_if_cancelled() -> State[Any]:
    """The state of a flow within a flow that a cancel interrupts: Cancelled, as the one above, not Crashed.

    Raises:
        KeyboardInterrupt: The one that is in flight, if nobody cancelled the run.
    """
    if not cancelled():
        raise
    return Cancelled(message=CANCELLED)
