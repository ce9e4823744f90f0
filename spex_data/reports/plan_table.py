"""What a study will cost, for the terminal: readable at 80 columns, and without colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from spex_data.reports.budgets import budget_table
from spex_data.reports.durations import duration, size
from spex_data.reports.expected_table import expected_table
from spex_data.reports.labels import inert


def plan_table(plan: Mapping[str, Any]) -> RenderableType:
    """The table of a plan, the engine beside one adapter at a time.

    Args:
        plan: The document that `spex-data plan --json` prints.
    """
    heldout = f"{plan['heldout_masks']} held out x {plan['heldout_seeds']} seeds"
    done = plan["fine_tunes"] - plan["missing"]
    parts: list[RenderableType] = [
        Text(f"{inert(plan['study'])}: {plan['fine_tunes']:,} fine-tunes", style="bold"),
        Text(f"{_at_most(plan)}{plan['masks']:,} masks and {heldout}; {done:,} are measured already"),
        Text(
            f"{plan['examples']:,} examples in {plan['groups']} groups, {plan['targets']} targets; "
            f"a mask keeps {plan['tokens_a_mask']:,.0f} tokens over all epochs"
        ),
        Text(f"{inert(plan['model'])} in {plan['dtype']} on {plan['device']}, {_workers(plan)}"),
        Text(),
        _figures(plan),
        Text(),
        Text(_how(plan), style="dim"),
    ]
    if plan.get("verify_fine_tunes"):
        parts.insert(2, Text(f"verification retrains at most {plan['verify_fine_tunes']:,} more"))
    if plan.get("advice"):
        parts.insert(-2, Text(f"measured by the run so far: {plan['advice']}"))
    if plan.get("expected"):
        parts += [Text(), expected_table(plan["expected"])]
    if plan.get("budgets"):
        parts += [Text(), budget_table(plan["budgets"])]
    return Group(*parts)


def _at_most(plan: Mapping[str, Any]) -> str:
    return "at most " if plan.get("until") else ""


def _figures(plan: Mapping[str, Any]) -> Table:
    engine, loop = plan["engine"], plan["loop"]
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=24)
    for width in (16, 16, 18):
        table.add_column(width=width, justify="right" if width == 16 else "left")
    dim = lambda words: Text(words, style="dim")  # noqa: E731
    table.add_row(dim(""), dim("many at once"), dim("one at a time"), dim(""))
    for label, key in (
        ("a mask", "seconds_a_mask"),
        ("  training", "training_seconds_a_mask"),
        ("  measuring targets", "measuring_seconds_a_mask"),
    ):
        ratio = f"{loop[key] / engine[key]:.1f} times" if engine[key] > 0 else ""
        table.add_row(label, duration(engine[key]), duration(loop[key]), dim(ratio))
    table.add_row(
        Text("what is still to do", style="bold"),
        Text(duration(engine["seconds"]), style="bold"),
        duration(loop["seconds"]),
        dim(f"{plan['missing']:,} fine-tunes"),
    )
    table.add_row("adapters to a pass", str(plan["adapters_per_pass"]), "1", "")
    table.add_row(
        "memory of a worker", size(plan["worker_bytes"]), "", dim(f"{size(plan['free_bytes'])} free")
    )
    table.add_row("disk", size(plan["disk_bytes"]), "", dim(f"{size(plan['disk_free_bytes'])} free"))
    return table


def _workers(plan: Mapping[str, Any]) -> str:
    return "1 worker" if plan["workers"] == 1 else f"{plan['workers']} workers"


def _how(plan: Mapping[str, Any]) -> str:
    clock = {
        "processor": "processor time of one thread, which is wall time on an idle core",
        "wall": "wall time, which other work on this machine lengthens",
    }[plan["clock"]]
    return (
        f"Scaled up from parts of {plan['probed']} fine-tunes, {duration(plan['probe_seconds'])} in all; "
        f"{clock}. Workers are taken not to slow each other down; decoding, the report and tracking come on "
        "top. One at a time: plain PEFT in a loop of its own, the same schedule."
    )
