"""Time and memory of decoding against groups, masks and targets."""

from __future__ import annotations

import resource
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from math import ceil
from multiprocessing import get_context
from types import FrameType

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding import decoder

GROUPS = ((16, 1024, 1), (64, 1024, 1), (256, 1024, 1), (1000, 1024, 1))
MASKS = ((32, 256, 1), (32, 1024, 1), (32, 4096, 1), (32, 20000, 1))
TARGETS = ((64, 1024, 10), (64, 1024, 100), (64, 1024, 1000))
"""(groups, masks, targets); the first of these are enough for a quick look."""


@dataclass(frozen=True)
class Cost:
    """Time and memory of one method at one size; None for both where it took longer than the limit.

    Attributes:
        limit: CPU seconds that it had.
        tried: Whether it was asked at all: not where the size before was over the limit already.
    """

    method: str
    n_groups: int
    n_masks: int
    n_targets: int
    cpu: float | None
    peak_mib: float | None
    limit: float
    tried: bool = True

    @property
    def cell(self) -> tuple[str, int, int, int]:
        """What was measured: method, groups, masks, targets."""
        return self.method, self.n_groups, self.n_masks, self.n_targets


class _OverLimit(Exception):
    """The processor time allowed is spent."""


def costs(methods: Sequence[str], quick: bool, limit: float, known: Sequence[Cost] = ()) -> Iterator[Cost]:
    """Cost against groups, masks and targets, each in a process of its own.

    Args:
        methods: Names of ours.
        quick: The smallest sizes alone.
        limit: CPU seconds for each; beyond it, larger sizes of the same row are not tried.
        known: Costs of an earlier call; what had this limit or needed none is not measured again.
    """
    cells = {each.cell: each for each in known if each.cpu is not None or each.limit >= limit}
    # a fresh process a measurement, for its peak
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as workers:
        for sizes, method in product((GROUPS, MASKS, TARGETS), methods):
            over = False
            for size in sizes[: max(1, len(sizes) - 2)] if quick else sizes:
                cost = cells.get((method, *size))
                if cost is None:
                    cost = (
                        Cost(method, *size, None, None, limit, tried=False)
                        if over
                        else workers.submit(measured, method, *size, limit).result()
                    )
                    yield cost
                over = cost.cpu is None


def measured(method: str, n: int, m: int, t: int, limit: float) -> Cost:
    """One decoding in this process; the peak holds what imports take."""
    drawn = np.random.default_rng(0).random((m, n)) < 0.5
    values = many_targets(drawn, t)
    before = time.process_time()
    signal.signal(signal.SIGXCPU, _over_limit)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (ceil(before + limit), hard))
    try:
        decoder(method).decode(drawn, values)
    except _OverLimit:
        return Cost(method, n, m, t, None, None, limit)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Cost(method, n, m, t, time.process_time() - before, peak, limit)


def _over_limit(_number: int, _frame: FrameType | None) -> None:
    raise _OverLimit


def many_targets(masks: NDArray[np.bool_], count: int) -> NDArray[np.float64]:
    """Targets of five pairs and noise each."""
    rng = np.random.default_rng(1)
    signs = 1.0 - 2.0 * masks
    columns = []
    for _ in range(count):
        pairs = rng.integers(0, masks.shape[1], size=(5, 2))
        columns.append(
            (signs[:, pairs[:, 0]] * signs[:, pairs[:, 1]]).sum(axis=1) + rng.normal(size=len(masks))
        )
    return np.stack(columns, axis=1)
