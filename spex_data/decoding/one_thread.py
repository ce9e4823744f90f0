"""Linear algebra on one thread, for its matrices are small here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it BLAS takes one thread, in the whole process.

    Matrices of some hundred masks are done before threads have met: two took three to four times as long as
    one on two idle cores, and twenty times beside other work (`benchmarks/threads.py`). Nor do results depend
    on how many processors there are.
    """
    with threadpool_limits(1, user_api="blas"):
        yield
