"""CPU time, wall time and memory of ways of fine-tuning, in turn in every round."""

from __future__ import annotations

import ctypes
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from training_ways import Method
from training_workloads import Workload

from spex_data.masks import design_masks
from spex_data.training import PreparedExamples, prepare_examples

ONCE = "(engine, once a study)"


@dataclass(frozen=True)
class Cost:
    """What one mask costs one way, medians over rounds; tokens are those a mask keeps over all epochs."""

    workload: str
    layers: str
    method: str
    examples: int
    tokens: float
    cpu_ms: float
    wall_ms: float
    peak_mib: float | None
    tflop_per_second: float | None


def prepared_once(work: Workload) -> tuple[PreparedExamples, Cost]:
    """What all adapters of a study share, and what it costs: once, not a mask."""
    found: list[PreparedExamples] = []
    cpu, wall, peak = timed(
        lambda: found.append(prepare_examples(work.base, work.examples, work.recipe)), work.base.device
    )
    tokens = work.kept_tokens(np.ones((1, work.grouping.n_groups), dtype=np.bool_)) / work.recipe.epochs
    layers = work.recipe.layers
    return found[0], Cost(
        work.name, layers, ONCE, len(work.examples), tokens, 1e3 * cpu, 1e3 * wall, peak, None
    )


def compare(work: Workload, ways: Mapping[str, tuple[Method, int]], rounds: int) -> list[Cost]:
    """Costs of several ways, in turn in every round.

    Args:
        work: What to train.
        ways: Name -> (method, masks that it trains a round).
        rounds: Rounds after one that is not counted.
    """
    needed = max(count for _, count in ways.values()) * (rounds + 1)
    design = design_masks(
        work.grouping.n_groups, budget=needed + work.grouping.n_groups + 2, heldout=0, seed=1
    )
    masks = design.training[:needed]
    average = work.kept_tokens(masks) / len(masks)
    spent: dict[str, list[tuple[float, float, float | None]]] = {way: [] for way in ways}
    for number in range(rounds + 1):
        for way, (method, count) in ways.items():
            rows = np.arange(number * count, (number + 1) * count)
            scale = 1e3 * average / work.kept_tokens(masks[rows])
            cpu, wall, peak = timed(partial(method, work, masks[rows], rows), work.base.device)
            if number:
                spent[way].append((cpu * scale, wall * scale, peak))
    return [as_cost(work, way, average, values) for way, values in spent.items()]


def as_cost(
    work: Workload, way: str, tokens: float, values: Sequence[tuple[float, float, float | None]]
) -> Cost:
    cpu = statistics.median(value[0] for value in values)
    wall = statistics.median(value[1] for value in values)
    peaks = [value[2] for value in values if value[2] is not None]
    blocks = sum(
        parameter.numel() for name, parameter in work.base.model.named_parameters() if "layer" in name
    )
    # Forward and backward through the frozen weights of every block, 2 operations a weight each.
    rate = 4e-9 * blocks * tokens / wall if work.recipe.layers == "all" else None
    peak = max(peaks, default=None)
    return Cost(work.name, work.recipe.layers, way, len(work.examples), tokens, cpu, wall, peak, rate)


def timed(work: Callable[[], None], device: str) -> tuple[float, float, float | None]:
    """CPU seconds, wall seconds, and the memory in MiB that was needed on top of what was held before."""
    cuda = device.startswith("cuda")
    before = reset_peak(cuda)
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    if cuda:
        torch.cuda.synchronize()
    spent = time.process_time() - cpu, time.perf_counter() - wall
    after = torch.cuda.max_memory_allocated() / 2**20 if cuda else resident("VmHWM")
    return (*spent, None if before is None or after is None else after - before)


def reset_peak(cuda: bool) -> float | None:
    """Forgets the highest memory use so far; MiB in use now, None where the system does not say."""
    if cuda:
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated() / 2**20
    try:
        # What earlier rounds freed would hide what this one needs.
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
    except (OSError, AttributeError):
        return None
    return resident("VmRSS")


def resident(field: str) -> float | None:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return None
