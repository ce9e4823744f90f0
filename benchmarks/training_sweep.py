"""What the engine's cost hangs on: adapters to a pass, masks, examples, and their length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from rich.table import Table
from training_costs import Cost, compare, prepared_once
from training_ways import Method, by_engine
from training_workloads import Workload, random_llama


@dataclass(frozen=True)
class Point:
    """The engine's cost with one thing varied, the others as in the table's title."""

    varied: str
    value: int
    cost: Cost


def sweep(device: str, dtype: torch.dtype, rounds: int, top: int) -> list[Point]:
    """The points of every axis; those of adapters to a pass and of masks take turns in one comparison.

    Args:
        device: Where.
        dtype: Of the model.
        rounds: Rounds after one that is not counted.
        top: Masks trained a point.
    """
    plain = last_block(random_llama("tiny", device, dtype))
    engine = partial(by_engine, prepared=prepared_once(plain)[0])
    sizes = [size for size in (1, 2, 4, 8, 16, 32) if size <= top]
    ways: dict[str, tuple[Method, int]] = {
        f"adapters a pass {size}": (partial(engine, per_pass=size), top) for size in sizes
    }
    ways |= {f"masks {masks}": (engine, masks) for masks in (top // 2, top, 2 * top)}
    points = [as_point(cost) for cost in compare(plain, ways, rounds)]
    for varied, values in (("examples", (64, 128, 256)), ("tokens an example", (8, 16, 32, 64))):
        for value in values:
            choice = {"examples" if varied == "examples" else "words": value}
            work = last_block(random_llama("tiny", device, dtype, **choice))
            way = partial(by_engine, prepared=prepared_once(work)[0])
            points += [as_point(cost) for cost in compare(work, {f"{varied} {value}": (way, top)}, rounds)]
    return points


def sweep_table(points: Sequence[Point], top: int) -> Table:
    """Microseconds a kept token that stay the same say that the cost is linear in kept tokens."""
    table = Table(title=f"The engine, last block, 128 examples of 16 tokens, {top} masks, 32 a pass, but:")
    for column in ("varied", "to", "kept tokens a mask", "CPU ms a mask", "CPU us a kept token", "MiB"):
        table.add_column(column, justify="left" if column == "varied" else "right")
    for before, point in zip([None, *points], points, strict=False):
        cost = point.cost
        if before is not None and before.varied != point.varied:
            table.add_section()
        table.add_row(
            point.varied,
            str(point.value),
            f"{cost.tokens:.0f}",
            f"{cost.cpu_ms:.1f}",
            f"{1e3 * cost.cpu_ms / cost.tokens:.1f}",
            "" if cost.peak_mib is None else f"{cost.peak_mib:.0f}",
        )
    return table


def last_block(work: Workload) -> Workload:
    """The workload with the last block adapted."""
    return replace(work, recipe=replace(work.recipe, layers="last-1"))


def as_point(cost: Cost) -> Point:
    """A cost whose way was named after what was varied."""
    varied, _, value = cost.method.rpartition(" ")
    return Point(varied, int(value), cost)
