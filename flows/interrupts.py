"""Ctrl-C, SIGTERM and a cancel on Prefect's page end a run even if the exception that they raise is lost.

A signal's handler runs wherever the main thread happens to be. In a callback that ignores exceptions, such as
a finaliser, a KeyboardInterrupt is dropped and the run goes on; so it is also remembered, and raised again
between chunks.
"""

from __future__ import annotations

import os
import signal
import threading

_asked = threading.Event()
_cancelled = threading.Event()
_listening = threading.Event()


def listen() -> None:
    """From here on SIGINT and SIGTERM raise KeyboardInterrupt, and are remembered: the process is ours."""
    forget()
    _listening.set()
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)


def forget() -> None:
    """Begins anew: nobody has asked for anything."""
    _asked.clear()
    _cancelled.clear()


def listening() -> bool:
    """Whether the process is the command's own, to be ended at will, and no notebook or worker."""
    return _listening.is_set()


def raise_if_interrupted() -> None:
    """Raises KeyboardInterrupt if a signal came since `listen`."""
    if _asked.is_set():
        raise KeyboardInterrupt


def cancel() -> None:
    """Interrupts the main thread, from another one, because somebody cancelled the run."""
    _cancelled.set()
    os.kill(os.getpid(), signal.SIGINT)


def cancelled() -> bool:
    """Whether what interrupts the run is a cancel."""
    return _cancelled.is_set()


def _interrupt(*_: object) -> None:
    _asked.set()
    raise KeyboardInterrupt
