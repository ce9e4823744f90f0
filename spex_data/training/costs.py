"""What a study will cost, from what a probe measured; needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BYTES_OF_A_VALUE = 160
"""A row of the store: key, mask, role, seed, target, value; before compression."""


@dataclass(frozen=True)
class WayCosts:
    """What one way of fine-tuning costs.

    Attributes:
        microseconds_per_token: Training, for each token of an adapter's examples over all epochs.
        measuring_seconds: Measuring all targets on one adapter.
    """

    microseconds_per_token: float
    measuring_seconds: float

    def seconds(self, tokens: NDArray[np.float64]) -> NDArray[np.float64]:
        """Seconds of fine-tunes that read so many tokens each, float64[m]."""
        return 1e-6 * self.microseconds_per_token * tokens + self.measuring_seconds


@dataclass(frozen=True)
class ProbedCosts:
    """What a probe measured on this machine.

    Attributes:
        engine: Many adapters to a pass.
        loop: One adapter after the other, plain PEFT.
        adapters_per_pass: Of the engine.
        prepare_seconds: What all adapters share, computed once a worker.
        adapter_bytes: One adapter on disk.
        worker_bytes: Memory of a process that has trained one pass; of its device where it has one.
        trained: Adapters that the probe trained a part of.
    """

    engine: WayCosts
    loop: WayCosts
    adapters_per_pass: int
    prepare_seconds: float
    adapter_bytes: int
    worker_bytes: int
    trained: int


@dataclass(frozen=True)
class Estimate:
    """What is still to do of a study, and what it costs.

    Attributes:
        fine_tunes: Fine-tunes still to do.
        seconds_a_mask: Mean over them, by the engine.
        seconds: All of them, by the engine, on all workers.
        loop_seconds_a_mask: Mean over them, one at a time.
        loop_seconds: All of them, one at a time, on as many workers.
        disk_bytes: Adapters kept, and values.
    """

    fine_tunes: int
    seconds_a_mask: float
    seconds: float
    loop_seconds_a_mask: float
    loop_seconds: float
    disk_bytes: int

    @property
    def speedup(self) -> float:
        """How many times as long the loop takes for a mask."""
        return self.loop_seconds_a_mask / self.seconds_a_mask if self.fine_tunes else float("nan")


def estimate(
    costs: ProbedCosts, tokens: NDArray[np.float64], *, workers: int, kept: int, targets: int
) -> Estimate:
    """Scales a probe up to a study.

    Args:
        costs: Of the probe.
        tokens: float64[m], tokens that each fine-tune still to do reads over all epochs.
        workers: Processes that share the work; they are taken not to slow each other down.
        kept: Adapters that stay on disk.
        targets: Values a fine-tune.
    """
    engine, loop = costs.engine.seconds(tokens), costs.loop.seconds(tokens)
    once = costs.prepare_seconds if len(tokens) else 0.0
    return Estimate(
        fine_tunes=len(tokens),
        seconds_a_mask=float(engine.mean()) if len(tokens) else 0.0,
        seconds=once + float(engine.sum()) / workers,
        loop_seconds_a_mask=float(loop.mean()) if len(tokens) else 0.0,
        loop_seconds=float(loop.sum()) / workers,
        disk_bytes=kept * costs.adapter_bytes + len(tokens) * targets * _BYTES_OF_A_VALUE,
    )
