"""What one fine-tune costs: Trainer with PEFT, a lean PEFT loop, and many adapters at once.

    python benchmarks/training.py [--quick] [--json FILE] [--banking77 FILE.csv] [--sweep] [--precision]
    python benchmarks/training.py --device cuda --dtype bfloat16 --shape 1b

The three ways take turns in every round, on one thread; a row gives medians over rounds, scaled by the
tokens that the round's masks kept to a mask of average size. Trainer trains as a user would do it again
(batches of the examples that are left: about half as many steps); the other two train a study's fixed
schedule. What the engine computes once for all masks of a study has a row of its own. No targets are
measured. The models: the demo's; MiniLM, where the CSV of Banking77 is given; with --sweep or --shape a Llama
of random weights. Memory is what was needed on top of what was held before. With --precision, also how far
number formats and sizes of a pass move a value, beside another training seed. With --sweep, what the engine's
cost hangs on. The demo's row of all layers is its own recipe: "before and after" of its fine-tuning stage.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from training_costs import ONCE, Cost, compare, prepared_once
from training_precision import Precision, precision, precision_table
from training_sweep import Point, sweep, sweep_table
from training_ways import by_engine, by_loop, by_trainer
from training_workloads import SHAPES, banking77, demo, depths, random_llama

from spex_data.study import load_study

CONFIG = Path(__file__).parents[1] / "configs" / "demo.yaml"


def stage_table(costs: Sequence[Cost]) -> Table | None:
    """The whole fine-tuning stage of configs/demo.yaml, each way; None where the demo was not measured."""
    study = load_study(CONFIG)
    fine_tunes = study.masks.budget + study.masks.heldout * study.masks.heldout_seeds
    found = [cost for cost in costs if (cost.workload, cost.layers) == ("demo", study.lora.layers)]
    if not found:
        return None
    once = sum(cost.cpu_ms for cost in found if cost.method == ONCE)
    table = Table(title=f"The demo's fine-tuning stage: {fine_tunes} fine-tunes, one worker")
    for column in ("way", "CPU ms a mask", "CPU s in all"):
        table.add_column(column, justify="left" if column == "way" else "right")
    for cost in (cost for cost in found if cost.method != ONCE):
        total = fine_tunes * cost.cpu_ms + (once if cost.method == "engine" else 0)
        table.add_row(cost.method, f"{cost.cpu_ms:.0f}", f"{total / 1e3:.1f}")
    return table


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
        "x loop",
        "CPU us a token",
        "MiB",
    ):
        table.add_column(column, justify="left" if column in ("model", "layers", "way") else "right")
    slow = {(cost.workload, cost.layers, cost.method): cost.cpu_ms for cost in costs}
    for cost in costs:
        times = [slow.get((cost.workload, cost.layers, way)) for way in ("Trainer", "PEFT loop")]
        table.add_row(
            cost.workload,
            cost.layers,
            cost.method,
            f"{cost.tokens:.0f}",
            f"{cost.cpu_ms:.0f}",
            f"{cost.wall_ms:.0f}",
            *(f"{other / cost.cpu_ms:.1f}" if other and cost.method != ONCE else "" for other in times),
            f"{1e3 * cost.cpu_ms / cost.tokens:.1f}",
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
    points: list[Point] = []
    top = 8 if options.quick else 32
    for work in works:
        many = work.at_once // 2 if options.quick else work.at_once
        few = max(1, many // 16)
        for deep in depths(work):
            prepared, once = prepared_once(deep)
            engine = partial(by_engine, prepared=prepared)
            ways = {"Trainer": (by_trainer, few), "PEFT loop": (by_loop, few), "engine": (engine, many)}
            costs += [*compare(deep, ways, rounds), once]
    if options.sweep:
        points = sweep(options.device, dtype, rounds, top)
    console = Console(width=120)
    console.print(as_table(costs))
    if (stage := stage_table(costs)) is not None:
        console.print(stage)
    if points:
        console.print(sweep_table(points, top))
    moved: list[Precision] = []
    if options.precision:
        moved = [precision(deep) for work in works for deep in depths(work)]
        console.print(precision_table(moved))
    if options.json:
        packages = {name: version(name) for name in ("torch", "transformers", "peft", "accelerate")}
        versions = {**packages, "device": options.device, "threads": torch.get_num_threads()}
        content = {"versions": versions, "costs": [asdict(cost) for cost in costs]}
        content["sweep"] = [asdict(point) for point in points]
        content["precision"] = [asdict(row) for row in moved]
        options.json.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
