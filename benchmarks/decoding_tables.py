"""The tables that the decoding benchmark prints."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from decoding_costs import Cost
from decoding_outcomes import Outcome
from rich.table import Table

ALL = "all"


def summary(outcomes: Sequence[Outcome], methods: Sequence[str], title: str) -> Table:
    """Means over cases, the median of pair errors and of CPU seconds.

    `false` is the share of reported interactions that were not planted; `covered` and `reported` are the
    shares of planted and of reported interactions within their intervals of 90%, each before its width.
    """
    table = Table(title=title)
    for column in ("setting", "method", "cases", "R2", "Spearman", "pair error", "recall@10", "F1"):
        table.add_column(column, justify="left" if column in ("setting", "method") else "right")
    for column in ("false", "covered", "width", "reported", "width", "CPU s", "failed"):
        table.add_column(column, justify="right")
    for setting in (*dict.fromkeys(each.setting for each in outcomes), ALL):
        for method in methods:
            mine = [each for each in outcomes if each.method == method and setting in (each.setting, ALL)]
            table.add_row(
                setting,
                method,
                str(len(mine)),
                shown([each.r2 for each in mine]),
                shown([each.spearman for each in mine]),
                f"{statistics.median(each.pair_error for each in mine):.2f}",
                shown([each.recall for each in mine]),
                shown([each.f1 for each in mine]),
                shown([each.false_share for each in mine]),
                shown([each.covered for each in mine]),
                shown([each.width for each in mine]),
                shown([each.covered_reported for each in mine]),
                shown([each.width_reported for each in mine]),
                f"{statistics.median(each.cpu for each in mine):.2f}",
                str(sum(each.failure is not None for each in mine)),
            )
    return table


def shown(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{statistics.mean(known):.3f}" if known else ""


def beside(outcomes: Sequence[Outcome], methods: Sequence[str], peer: str) -> Table:
    """Each method against a peer, case by case; a peer that fails predicts the mean."""
    table = Table(title=f"Beside {peer}, case by case")
    table.add_column("method")
    for column in (
        "cases",
        "R2",
        "at least as good",
        "worst case",
        "worst class",
        "recall@10",
        "F1",
        "CPU ratio",
    ):
        table.add_column(column, justify="right")
    theirs = {(each.case, each.setting): each for each in outcomes if each.method == peer}
    for method in methods:
        pairs = [
            (each, theirs[each.case, each.setting])
            for each in outcomes
            if each.method == method and (each.case, each.setting) in theirs
        ]
        if method == peer or not pairs:
            continue
        steps = [ours.r2 - other.r2 for ours, other in pairs]
        classes = {
            family: statistics.mean(
                step for step, (ours, _) in zip(steps, pairs, strict=True) if ours.family == family
            )
            for family in dict.fromkeys(ours.family for ours, _ in pairs)
        }
        worst = min(classes, key=classes.__getitem__)
        scores = [
            (ours.f1, other.f1) for ours, other in pairs if ours.f1 is not None and other.f1 is not None
        ]
        ratio = [ours.cpu / max(other.cpu, 1e-9) for ours, other in pairs]
        table.add_row(
            method,
            str(len(pairs)),
            f"{statistics.mean(steps):+.3f}",
            f"{statistics.mean(step >= -0.0005 for step in steps):.0%}",
            f"{min(steps):+.3f}",
            f"{worst} {classes[worst]:+.3f}",
            f"{statistics.mean(ours.recall - other.recall for ours, other in pairs):+.3f}",
            f"x {sum(a for a, _ in scores) / max(sum(b for _, b in scores), 1e-9):.2f}" if scores else "",
            f"{statistics.median(ratio):.2f}",
        )
    return table


def cost_table(spent: Sequence[Cost]) -> Table:
    """Seconds and peak memory, a row a size and method; or that it was over the limit, or not tried."""
    table = Table("method", "groups", "masks", "targets", "CPU s", "peak MiB", title="Cost")
    for each in spent:
        table.add_row(
            *map(str, (each.method, each.n_groups, each.n_masks, each.n_targets)),
            *(
                (f"{each.cpu:.2f}", f"{each.peak_mib:.0f}")
                if each.cpu is not None and each.peak_mib is not None
                else (f"over {each.limit:g}" if each.tried else "not tried", "")
            ),
        )
    return table
