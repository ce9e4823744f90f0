"""Fine-tunes an hour on a GPU: a language model of 0.1 to 8 billion random weights, engine beside PEFT loop.

    python benchmarks/training_gpu.py [--shape 1b] [--json FILE]            on a CUDA device, in bfloat16
    python benchmarks/training_gpu.py --device cpu --quick                  a tiny model: does it run at all?

Only speed means anything: the weights and texts are random. Engine and loop take turns in one run, at the
last block, the upper half and all blocks adapted. The share of peak is the rate of the operations that
adapted blocks need (4 a weight and token: forward, and backward to the activations; in the last block's
feed-forward part scored tokens alone) over that of a large matrix product on the same device in the same
run, or over --peak. Of the loop the same operations count, though it does more. This script is untried on a
GPU so far.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from training_costs import prepared_once, timed
from training_ways import Method, by_engine, by_loop
from training_workloads import SHAPES, Masks, Workload, depths, random_llama

from spex_data.errors import TrainingError
from spex_data.masks import design_masks


@dataclass(frozen=True)
class Rate:
    """How fast one way is; None where memory ran out.

    Attributes:
        layers: Which blocks are adapted.
        method: The way.
        masks_per_hour: Median over rounds.
        tokens_per_second: Of the examples that masks keep, over all epochs.
        tflop_per_second: Operations needed at least.
        share_of_peak: Of the rate of a large matrix product.
        peak_mib: Memory on top of the base model.
    """

    layers: str
    method: str
    masks_per_hour: float | None
    tokens_per_second: float | None = None
    tflop_per_second: float | None = None
    share_of_peak: float | None = None
    peak_mib: float | None = None


def rates(work: Workload, sizes: Sequence[int], rounds: int, peak: float) -> list[Rate]:
    """The loop and the engine at several sizes of a pass, in turn in every round after one that warms up."""
    ways: dict[str, tuple[Method, int]] = {"PEFT loop": (by_loop, 1)}
    prepared, _ = prepared_once(work)
    engine = partial(by_engine, prepared=prepared)
    ways |= {f"engine, {size} a pass": (partial(engine, per_pass=size), size) for size in sizes}
    n_groups = work.grouping.n_groups
    masks = design_masks(n_groups, budget=max(max(sizes), n_groups + 2), heldout=0, seed=1).training
    spent: dict[str, list[tuple[float, float | None]]] = {way: [] for way in ways}
    lost: set[str] = set()
    for number in range(rounds + 1):
        for way, (method, count) in ways.items():
            try:
                _, wall, memory = timed(
                    partial(method, work, masks[:count], np.arange(count) + number), work.base.device
                )
            except (torch.OutOfMemoryError, TrainingError):
                lost.add(way)
                continue
            if number:
                spent[way].append((wall, memory))
    return [
        Rate(work.recipe.layers, way, None)
        if way in lost
        else as_rate(work, way, masks[:count], spent[way], peak)
        for way, (_, count) in ways.items()
    ]


def as_rate(
    work: Workload, way: str, masks: Masks, spent: Sequence[tuple[float, float | None]], peak: float
) -> Rate:
    wall = statistics.median(seconds for seconds, _ in spent)
    tokens = work.kept_tokens(masks)
    tflop = 4e-12 * operations(work, masks, tokens) / wall
    known = [memory for _, memory in spent if memory is not None]
    return Rate(
        work.recipe.layers,
        way,
        3600 * len(masks) / wall,
        tokens / wall,
        tflop,
        tflop / peak,
        max(known, default=None),
    )


def operations(work: Workload, masks: Masks, tokens: float) -> float:
    """A weight for each token that passes through it; what is below the adapted blocks is computed once."""
    blocks = work.base.model.model.layers
    count = len(blocks) if work.recipe.layers == "all" else int(work.recipe.layers.removeprefix("last-"))
    a_block, feed_forward = (
        sum(parameter.numel() for parameter in part.parameters()) for part in (blocks[-1], blocks[-1].mlp)
    )
    # One token is scored of each example: the completions are single words.
    scored = float(work.grouping.present(masks).sum() * work.recipe.epochs)
    return (count * a_block - feed_forward) * tokens + feed_forward * scored


def matmul_tflops(device: str, dtype: torch.dtype, width: int) -> float:
    """The rate of a large square matrix product, 10^12 operations a second, best of 5."""
    one, other = (torch.randn(width, width, device=device, dtype=dtype) for _ in range(2))
    best = float("inf")
    for _ in range(6):
        wait(device)
        started = time.perf_counter()
        one @ other
        wait(device)
        best = min(best, time.perf_counter() - started)
    return 2e-12 * width**3 / best


def wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def as_table(found: Sequence[Rate], title: str) -> Table:
    table = Table(title=title)
    for name in ("layers", "way", "masks/h", "x loop", "tokens/s", "TFLOP/s", "of peak", "MiB"):
        table.add_column(name, justify="left" if name in ("layers", "way") else "right")
    loops = {rate.layers: rate.masks_per_hour for rate in found if rate.method == "PEFT loop"}
    for rate in found:
        if rate.masks_per_hour is None:
            table.add_row(rate.layers, rate.method, "out of memory", *[""] * 5)
            continue
        loop = loops[rate.layers]
        table.add_row(
            rate.layers,
            rate.method,
            f"{rate.masks_per_hour:,.0f}",
            f"{rate.masks_per_hour / loop:.1f}" if loop else "",
            f"{rate.tokens_per_second:,.0f}",
            f"{rate.tflop_per_second:.3g}",
            f"{rate.share_of_peak:.1%}",
            "" if rate.peak_mib is None else f"{rate.peak_mib:,.0f}",
        )
    return table


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=list(SHAPES), help="1b; with --quick tiny")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", choices=["bfloat16", "float32"], help="bfloat16; on a CPU float32")
    parser.add_argument("--examples", type=int, help="training examples (512)")
    parser.add_argument("--words", type=int, help="tokens of each (256)")
    parser.add_argument("--peak", type=float, help="TFLOP/s of the data sheet, instead of a matrix product's")
    parser.add_argument("--quick", action="store_true", help="a tiny model, few short examples, one round")
    parser.add_argument("--json", metavar="FILE", type=Path)
    options = parser.parse_args()
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        parser.error("there is no CUDA device; write --device cpu --quick to see whether the script runs")
    options.dtype = options.dtype or ("float32" if options.device == "cpu" else "bfloat16")
    return options


def main() -> None:
    options = arguments()
    if options.device == "cpu":
        torch.set_num_threads(1)
    shape = options.shape or ("tiny" if options.quick else "1b")
    dtype = getattr(torch, options.dtype)
    work = random_llama(
        shape,
        options.device,
        dtype,
        examples=options.examples or (16 if options.quick else 512),
        words=options.words or (16 if options.quick else 256),
    )
    peak = options.peak or matmul_tflops(options.device, dtype, 512 if options.quick else 8192)
    sizes, rounds = ((1, 4), 1) if options.quick else ((1, 4, 8, 16, 32), 3)
    found = [rate for deep in depths(work) for rate in rates(deep, sizes, rounds, peak)]
    name = torch.cuda.get_device_name() if options.device.startswith("cuda") else options.device
    weights = sum(parameter.numel() for parameter in work.base.model.parameters())
    title = f"{work.name}, {weights / 1e9:.2g} billion weights, {options.dtype} on {name}"
    Console(width=110).print(as_table(found, f"{title}; peak {peak:.3g} TFLOP/s"))
    if options.json:
        content = {
            "device": name,
            "torch": torch.__version__,
            "shape": shape,
            "weights": weights,
            "dtype": options.dtype,
            "peak_tflop_per_second": peak,
            "tried_on_a_gpu": options.device.startswith("cuda"),
            "rates": [asdict(rate) for rate in found],
        }
        options.json.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
