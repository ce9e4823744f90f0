"""What one fine-tune costs: Trainer with PEFT, a lean PEFT loop, and many adapters at once.

    python benchmarks/training.py [--quick] [--json FILE] [--banking77 FILE.csv] [--sweep] [--precision]
    python benchmarks/training.py --device cuda --dtype bfloat16 --shape 1b

The three ways take turns in every round, on one thread; a row gives medians over rounds, scaled by the
tokens that the round's masks kept to a mask of average size. Trainer trains as a user would do it again
(batches of the examples that are left: about half as many steps); the other two train a study's fixed
schedule. What the engine computes once for all masks of a study has a row of its own. No targets are
measured. The models: the demo's; MiniLM, where the CSV of Banking77 is given; with --sweep or --shape a Llama
of random weights. Memory is what was needed on top of what was held before. With --precision, also how far
number formats and sizes of a pass move a value, beside another training seed.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from training_precision import Precision, precision, precision_table
from training_ways import Method, by_engine, by_loop, by_trainer
from training_workloads import SHAPES, Workload, banking77, demo, depths, random_llama

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


def sweep(device: str, dtype: torch.dtype, rounds: int, top: int) -> list[Cost]:
    """The engine's cost against adapters a pass, masks, examples and length."""
    costs = []
    plain = random_llama("tiny", device, dtype)
    engine = partial(by_engine, prepared=prepared_once(plain)[0])
    for per_pass in (size for size in (1, 2, 4, 8, 16, 32, 64) if size <= top):
        way: Method = partial(engine, per_pass=per_pass)
        costs += compare(plain, {f"engine, {per_pass} a pass": (way, top)}, rounds)
    for masks in (top // 2, top, 2 * top):
        costs += compare(plain, {f"engine, {masks} masks": (engine, masks)}, rounds)
    for examples, words in ((64, 16), (256, 16), (128, 8), (128, 32), (128, 64)):
        work = random_llama("tiny", device, dtype, examples=examples, words=words)
        way = partial(by_engine, prepared=prepared_once(work)[0])
        costs += compare(work, {f"engine, {top} masks": (way, top)}, rounds)
    return costs


def as_table(costs: Sequence[Cost]) -> Table:
    table = Table(title="One fine-tune (one mask)")
    for column in (
        "model",
        "layers",
        "way",
        "tokens",
        "CPU ms",
        "wall ms",
        "x Trainer",
        "wall us a token",
        "MiB",
    ):
        table.add_column(column, justify="left" if column in ("model", "layers", "way") else "right")
    trainer = {(cost.workload, cost.layers): cost.cpu_ms for cost in costs if cost.method == "Trainer"}
    for cost in costs:
        slow = trainer.get((cost.workload, cost.layers))
        table.add_row(
            cost.workload,
            cost.layers,
            cost.method,
            f"{cost.tokens:.0f}",
            f"{cost.cpu_ms:.0f}",
            f"{cost.wall_ms:.0f}",
            f"{slow / cost.cpu_ms:.1f}" if slow and cost.method != ONCE else "",
            f"{1e3 * cost.wall_ms / cost.tokens:.1f}",
            "" if cost.peak_mib is None else f"{cost.peak_mib:.0f}",
        )
    return table


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round of few masks")
    parser.add_argument("--json", metavar="FILE", type=Path)
    parser.add_argument("--banking77", metavar="FILE", help="CSV with columns text and category")
    parser.add_argument("--sweep", action="store_true", help="adapters a pass, masks, examples, length")
    parser.add_argument(
        "--precision", action="store_true", help="differences of values, and their seed spread"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float64"])
    parser.add_argument("--shape", choices=list(SHAPES), help="a Llama of random weights instead of the demo")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    torch.set_num_threads(1)
    rounds = 1 if options.quick else 3
    dtype = getattr(torch, options.dtype)
    works = [random_llama(options.shape, options.device, dtype) if options.shape else demo(options.device)]
    if options.banking77:
        works.append(banking77(options.banking77, options.device))
    costs: list[Cost] = []
    for work in works:
        many = work.at_once // 2 if options.quick else work.at_once
        few = max(1, many // 16)
        for deep in depths(work):
            prepared, once = prepared_once(deep)
            engine = partial(by_engine, prepared=prepared)
            ways = {"Trainer": (by_trainer, few), "PEFT loop": (by_loop, few), "engine": (engine, many)}
            costs += [*compare(deep, ways, rounds), once]
    if options.sweep:
        costs += sweep(options.device, dtype, rounds, 16 if options.quick else 32)
    console = Console(width=120)
    console.print(as_table(costs))
    moved: list[Precision] = []
    if options.precision:
        moved = [precision(deep) for work in works for deep in depths(work)]
        console.print(precision_table(moved))
    if options.json:
        versions = {"torch": torch.__version__, "device": options.device, "threads": torch.get_num_threads()}
        content = {"versions": versions, "costs": [asdict(cost) for cost in costs]}
        content["precision"] = [asdict(row) for row in moved]
        options.json.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
