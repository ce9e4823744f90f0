"""The tables of benchmarks/attribution.py, and the intervals in them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from rich.table import Table
from scipy.special import stdtrit

Rows = Sequence[dict[str, Any]]

LEVEL = 0.9
NEAR = 0.9
"""Share of the ceiling that "masks needed" asks for."""


def scores_table(kind: str, rows: Rows) -> Table:
    """Every method at every budget: means over studies (of one, over its targets) with Student's interval."""
    studies = len({row["study"] for row in rows})
    over = "them" if studies > 1 else "its targets"
    table = Table(title=f"{kind}: {studies} studies, mean ± half of Student's 90% interval over {over}")
    names = ("budget", "method", "R2", "ceiling", "LDS", "ceiling", "recall", "precision", "pairs", "harm")
    for name in (*names, "CPU s"):
        table.add_column(name, justify="left" if name == "method" else "right")
    keys = ("r2", "ceiling", "lds", "lds_ceiling", "recall", "precision", "pairs", "harm", "seconds")
    for budget in sorted({row["budget"] for row in rows}):
        for method in dict.fromkeys(row["method"] for row in rows):
            mine = [row for row in rows if (row["budget"], row["method"]) == (budget, method)]
            if mine:
                cells = [
                    shown([_mean(row[key]) for row in mine] if studies > 1 else _values(mine[0][key]))
                    for key in keys
                ]
                table.add_row(str(budget), method, *cells)
    return table


def removal_table(kind: str, rows: Rows) -> Table | None:
    """How far targets fall, in their own spread, without the groups said to hold them up."""
    curves = [row for row in rows if row["removal"] is not None]
    if not curves:
        return None
    budget = max(row["budget"] for row in curves)
    table = Table(title=f"{kind}: fall after removal at {budget} masks, in SD; 90% bootstrap interval")
    table.add_column("method")
    n_removed = len(curves[0]["removal"][0])
    for count in range(1, n_removed + 1):
        table.add_column(f"{count} removed", justify="right")
    at_most = [row for row in curves if row["budget"] == budget]
    for method in dict.fromkeys(row["method"] for row in at_most):
        by_study = [np.array(row["removal"]) for row in at_most if row["method"] == method]
        table.add_row(method, *(_bootstrapped([one[:, k] for one in by_study]) for k in range(n_removed)))
    return table


def needed_table(kind: str, rows: Rows) -> Table | None:
    """How many masks a method needs before its R2 is 90% of the ceiling, by target and study."""
    budgets = sorted({row["budget"] for row in rows})
    if len(budgets) < 3:
        return None
    table = Table(title=f"{kind}: fine-tunes until R2 is {NEAR:.0%} of the ceiling (budgets {budgets})")
    for name in ("method", "median", "90% interval of the median", "reached", "targets x studies"):
        table.add_column(name, justify="left" if name == "method" else "right")
    for method in dict.fromkeys(row["method"] for row in rows):
        needed = _needed([row for row in rows if row["method"] == method])
        told = _median_interval(needed, max(budgets))
        reached = sum(math.isfinite(one) for one in needed)
        table.add_row(method, *told, f"{reached / len(needed):.0%}", str(len(needed)))
    return table


def verified_table(kind: str, checks: Rows) -> Table:
    """Claims after retraining, all studies of a kind together, by budget."""
    budgets = sorted({check["budget"] for check in checks})
    studies = len({check["study"] for check in checks})
    table = Table(title=f"{kind}: auto's claims after retraining, {studies} studies together")
    table.add_column("what")
    for budget in budgets:
        table.add_column(f"{budget} masks", justify="right")
    for key in [key for key in checks[0] if key not in ("kind", "study", "budget")]:
        sums = [sum(check.get(key, 0) for check in checks if check["budget"] == budget) for budget in budgets]
        if any(sums):
            table.add_row(key.replace("_", " "), *map(str, sums))
    return table


def student_half(values: Sequence[float]) -> float:
    """Half of Student's 90% interval of a mean; NaN of fewer than two values."""
    if len(values) < 2:
        return math.nan
    quantile = float(stdtrit(len(values) - 1, 0.5 + LEVEL / 2))
    return quantile * statistics.stdev(values) / len(values) ** 0.5


def shown(values: Sequence[float | None]) -> str:
    """A mean with its interval."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    half = f"±{student_half(known):.2f}" if len(known) > 1 else ""
    return f"{statistics.mean(known):.2f}{half}"


def _mean(value: Any) -> float | None:
    """Of a list over targets; what is one number already stays."""
    known = [one for one in _values(value) if one is not None]
    return statistics.mean(known) if known else None


def _values(value: Any) -> list[float | None]:
    return value if isinstance(value, list) else [value]


def _needed(rows: Rows) -> list[float]:
    """Of each study and target the budget, interpolated in its logarithm; infinite if it was not reached."""
    found = []
    for study in dict.fromkeys(row["study"] for row in rows):
        mine = sorted((row for row in rows if row["study"] == study), key=lambda row: row["budget"])
        budgets = [row["budget"] for row in mine]
        for target, ceiling in enumerate(mine[0]["ceiling"]):
            if ceiling:
                found.append(_crossing(budgets, [row["r2"][target] / ceiling for row in mine]))
    return found


def _crossing(budgets: Sequence[int], shares: Sequence[float]) -> float:
    """Where a curve first comes to `NEAR`; the smallest budget where it is there at once."""
    for place, share in enumerate(shares):
        if share >= NEAR:
            if place == 0:
                return float(budgets[0])
            before = shares[place - 1]
            part = (NEAR - before) / (share - before)
            low, high = math.log(budgets[place - 1]), math.log(budgets[place])
            return math.exp(low + part * (high - low))
    return math.inf


def _median_interval(values: Sequence[float], most: int) -> tuple[str, str]:
    """The median and its interval by the bootstrap, infinity among the values."""
    table = np.array(values)
    draws = np.random.default_rng(0).integers(len(table), size=(2000, len(table)))
    # order statistics: a mean of two infinities would be none
    medians = np.sort(table[draws], axis=1)[:, len(table) // 2]
    low, high = np.quantile(medians, ((1 - LEVEL) / 2, (1 + LEVEL) / 2), method="nearest")
    told: Callable[[float], str] = lambda one: f"{one:.0f}" if math.isfinite(one) else f"> {most}"  # noqa: E731
    return told(float(np.sort(table)[len(table) // 2])), f"{told(low)} to {told(high)}"


def _bootstrapped(studies: Sequence[Any]) -> str:
    """Mean and interval; studies are drawn, and within them targets."""
    rng = np.random.default_rng(0)
    means = [
        np.mean([
            np.mean(studies[k][rng.integers(len(studies[k]), size=len(studies[k]))])
            for k in rng.integers(len(studies), size=len(studies))
        ])
        for _ in range(1000)
    ]  # fmt: skip
    low, high = np.quantile(means, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return f"{np.mean([one.mean() for one in studies]):.2f} [{low:.2f}, {high:.2f}]"
