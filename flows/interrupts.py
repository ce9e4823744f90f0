"""Ctrl-C and SIGTERM end a run even if the exception that they raise is lost on its way.

A signal's handler runs wherever the main thread happens to be. In a callback that ignores exceptions, such as
a finaliser, a KeyboardInterrupt is dropped and the run goes on; so it is also remembered, and raised again
between chunks.
"""

from __future__ import annotations

import signal
import threading

_asked = threading.Event()


def listen() -> None:
    """From here on SIGINT and SIGTERM raise KeyboardInterrupt, and are remembered."""
    _asked.clear()
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)


def raise_if_interrupted() -> None:
    """Raises KeyboardInterrupt if a signal came since `listen`."""
    if _asked.is_set():
        raise KeyboardInterrupt


def _interrupt(*_: object) -> None:
    _asked.set()
    raise KeyboardInterrupt
