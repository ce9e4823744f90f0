"""Time and memory of decoding against groups, masks and targets."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain, product
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding import decoder


@dataclass(frozen=True)
class Cost:
    """Time and memory of one method at one size."""

    method: str
    n_groups: int
    n_masks: int
    n_targets: int
    cpu: float
    peak_mib: float


def costs(methods: Sequence[str], quick: bool) -> Iterator[Cost]:
    """Cost against groups, masks and targets, each in a process of its own."""
    groups = [(n, 1024, 1) for n in ((16, 64) if quick else (16, 64, 256, 1000))]
    masks = [(32, m, 1) for m in ((256, 1024) if quick else (256, 1024, 4096, 20000))]
    targets = [(64, 1024, t) for t in ((10,) if quick else (10, 100, 1000))]
    # a fresh process a measurement, for its peak
    workers = ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1)
    with workers:
        for size, method in product(chain(groups, masks, targets), methods):
            yield workers.submit(measured, method, *size).result()


def measured(method: str, n: int, m: int, t: int) -> Cost:
    """One decoding in this process; the peak holds what imports take."""
    drawn = np.random.default_rng(0).random((m, n)) < 0.5
    values = many_targets(drawn, t)
    before = time.process_time()
    decoder(method).decode(drawn, values)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Cost(method, n, m, t, time.process_time() - before, peak)


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
