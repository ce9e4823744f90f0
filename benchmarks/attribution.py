"""How well attribution of groups tells what fine-tuning does, at equal budgets of fine-tunes.

    python benchmarks/attribution.py [--seeds 5] [--embedded] [--games DIR] [--run DIR] [--removal] [--quick]

Planted functions; with --embedded real fine-tunes of a small Llama on worlds whose interactions are known
by construction; with --games the games in DIR of which every subset was fine-tuned; with --run the data and
model of a finished run, such as that of configs/banking77.yaml (what became of its own claims is in its
verification.json). Every method pays for its own fine-tunes, each with a seed of its own. R2 and LDS are on
held-out masks (LDS on masks that keep half of the groups), means over two seeds, beside the R2 that seed
noise allows; removal is the mean fall of a target when the two groups said to hold it up are left out of a
retraining; 90% is the least budget whose R2 is 90% of the ceiling; intervals are over studies.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
import statistics
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from attribution_methods import Attribution, names, run_method
from attribution_studies import Masks, Study, Values, embedded, finished_run, games, planted
from attribution_verified import FIRST_SEED, verified_counts
from decoding_peers import shapiq_proxyspex
from rich.console import Console
from rich.table import Table

from spex_data.faithfulness import noise_ceiling, r2, spearman

HELDOUT, HELDOUT_SEEDS, REMOVED = 32, 2, 2


def main() -> None:
    options = _arguments()
    peer = shapiq_proxyspex()
    peers = {"shapiq": peer} if peer else {}
    rows, checks = [], []
    for study in _studies(options):
        masks = _training_masks(study.n_groups, max(options.budgets))
        for budget in options.budgets:
            compared = _compared(study, masks[:budget], options.methods, peers, options.removal)
            rows += [{"study": study.name, "kind": study.kind, "budget": budget, **one} for one in compared]
        if study.truth is not None:
            checks.append({"kind": study.kind, **verified_counts(study, masks)})
        Console(stderr=True).print(f"{study.name}: {len(study.seen)} fine-tunes", highlight=False)
        if options.json:  # after each study: a long run that is cut short keeps what it has
            options.json.write_text(json.dumps({"rows": rows, "verified": checks}, indent=1))
    for kind in dict.fromkeys(row["kind"] for row in rows):
        Console(width=120).print(_table(kind, [row for row in rows if row["kind"] == kind], options.budgets))
    for kind in dict.fromkeys(check["kind"] for check in checks):
        Console().print(_verified(kind, [check for check in checks if check["kind"] == kind]))


def _studies(options: argparse.Namespace) -> Iterator[Study]:
    seeds = range(options.first, options.first + options.seeds)
    return chain(
        planted(seeds) if not options.only_real else (),
        embedded(seeds) if options.embedded else (),
        games(options.games) if options.games else (),
        map(finished_run, options.run),
    )


def _training_masks(n: int, most: int) -> Masks:
    """Different masks, none of them held out; a smaller budget takes the first of them."""
    known = {mask.tobytes() for mask in np.vstack(_test_masks(n))}
    drawn = np.random.default_rng(2).random((4 * most + 64, n)) < 0.5
    fresh = list(dict.fromkeys(mask.tobytes() for mask in drawn if mask.tobytes() not in known))
    return np.array([np.frombuffer(mask, np.bool_) for mask in fresh[:most]])


def _test_masks(n: int) -> tuple[Masks, Masks]:
    """Masks like those trained on, and masks that keep half of the groups."""
    rng = np.random.default_rng(1)
    heldout = np.unique(rng.random((HELDOUT, n)) < 0.5, axis=0)
    return heldout, np.array([rng.permutation(n) < n // 2 for _ in range(HELDOUT)])


def _compared(
    study: Study, masks: Masks, methods: str, peers: dict[str, Any], removal: bool
) -> Iterator[dict[str, Any]]:
    """Every method's scores on one study, at the cost of these masks."""
    heldout, halves = _test_masks(study.n_groups)
    tests = [_replicates(study, rows) for rows in (heldout, halves)]
    ceilings = [noise_ceiling(tests[0][:, :, column]).value or 0.0 for column in range(tests[0].shape[2])]
    for name in methods.split(",") if methods else names(peers):
        found = run_method(name, study, masks, FIRST_SEED + np.arange(len(masks)), peers)
        if found is not None:
            yield {
                "method": name,
                "r2": _mean_score(r2, tests[0], found.predict(heldout), floor=-1.0),
                "ceiling": statistics.mean(ceilings),
                "lds": _mean_score(spearman, tests[1], found.predict(halves)),
                "removal": _removal(study, found) if removal else None,
                **_recovery(study, found),
                "seconds": found.seconds,
            }


def _replicates(study: Study, masks: Masks) -> Values:
    """float64[m, seeds, t]."""
    tables = [study.values(masks, np.arange(len(masks)) * 2 + k) for k in range(HELDOUT_SEEDS)]
    return np.stack(tables, axis=1)


def _mean_score(score: Any, replicates: Values, predicted: Values, floor: float = 0.0) -> float:
    means = replicates.mean(axis=1)
    found = [score(means[:, column], predicted[:, column]) for column in range(means.shape[1])]
    # a prediction without ranks says nothing; below -1 an R2 would only say how badly scaled it is
    return statistics.mean(max(one, floor) if one is not None else 0.0 for one in found)


def _removal(study: Study, found: Attribution) -> float:
    """How far targets fall without the two groups said to hold them up, as retrained, on average."""
    n = study.n_groups
    full = np.ones((1, n), np.bool_)
    one_less = found.predict(~np.eye(n, dtype=np.bool_))
    falls = []
    for target, column in enumerate(one_less.T):
        # greedily: what is best to remove second depends on what went first
        removed = [int(np.argmin(column))]
        while len(removed) < REMOVED:
            masks = np.repeat(full, n, axis=0)
            masks[:, removed] = False
            masks[np.arange(n), np.arange(n)] = False
            left = found.predict(masks)[:, target]
            left[removed] = np.inf
            removed.append(int(np.argmin(left)))
        masks = np.repeat(full, 2, axis=0)
        masks[1, removed] = False
        seeds = np.array([900, 900])
        before, after = study.values(masks, seeds)[:, target]
        falls.append(before - after)
    return statistics.mean(falls)


def _recovery(study: Study, found: Attribution) -> dict[str, float | None]:
    """Recall of sign and set among as many sets as were planted; which share of those reported was."""
    if study.truth is None or not any(found.sets):
        return {"recall": None, "precision": None}
    hits = total = right = told = 0
    for truth, sets, reported in zip(study.truth, found.sets, found.reported, strict=True):
        first = dict(sets[: len(truth)])
        hits += sum(first.get(members, 0.0) * sign > 0 for members, sign in truth.items())
        total += len(truth)
        right += sum(truth.get(members, 0.0) * value > 0 for members, value in reported.items())
        told += len(reported)
    return {"recall": hits / total, "precision": right / told if told else None}


def _table(kind: str, rows: list[dict[str, Any]], budgets: list[int]) -> Table:
    studies = len({row["study"] for row in rows})
    table = Table(title=f"{kind}: {studies} studies, mean ± half of the 90% interval")
    columns = (
        "budget",
        "method",
        "R2",
        "ceiling",
        "LDS",
        "removal",
        "recall",
        "precision",
        "CPU s",
        "90% at",
    )
    for name in columns:
        table.add_column(name, justify="left" if name == "method" else "right")
    reached = {
        row["method"]: _needed([one for one in rows if one["method"] == row["method"]]) for row in rows
    }
    for budget in budgets:
        for method in dict.fromkeys(row["method"] for row in rows):
            mine = [row for row in rows if (row["budget"], row["method"]) == (budget, method)]
            if mine:
                keys = ("r2", "ceiling", "lds", "removal", "recall", "precision", "seconds")
                cells = [_shown([row[key] for row in mine]) for key in keys]
                table.add_row(str(budget), method, *cells, reached[method])
    return table


def _needed(rows: list[dict[str, Any]]) -> str:
    """The first budget at which the mean R2 is at least 90% of the ceiling."""
    for budget in sorted({row["budget"] for row in rows}):
        mine = [row for row in rows if row["budget"] == budget]
        if statistics.mean(row["r2"] for row in mine) >= 0.9 * statistics.mean(
            row["ceiling"] for row in mine
        ):
            return str(budget)
    return f"> {max(row['budget'] for row in rows)}"


def _shown(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    half = 1.645 * statistics.stdev(known) / len(known) ** 0.5 if len(known) > 1 else float("nan")
    return f"{statistics.mean(known):.2f}±{half:.2f}"


def _verified(kind: str, checks: list[dict[str, Any]]) -> Table:
    table = Table(title=f"{kind}: auto's claims after retraining, {len(checks)} studies together")
    table.add_column("what")
    table.add_column("number", justify="right")
    for key in [key for key in checks[0] if key != "kind"]:
        table.add_row(key.replace("_", " "), str(sum(check[key] for check in checks)))
    return table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="studies of a kind")
    parser.add_argument("--first", type=int, default=0, help="the first of their seeds")
    parser.add_argument(
        "--budgets", type=lambda text: [int(one) for one in text.split(",")], default=[64, 128]
    )
    parser.add_argument("--methods", default="", help="separated by commas; all by default")
    parser.add_argument("--embedded", action="store_true", help="real fine-tunes, some 40 s of CPU a study")
    parser.add_argument(
        "--run", type=Path, nargs="*", default=[], metavar="DIR", help="finished runs, such as runs/banking77"
    )
    parser.add_argument("--games", type=Path, metavar="DIR", help="folder of lora12_*.npz")
    parser.add_argument("--only-real", action="store_true", help="no planted functions")
    parser.add_argument("--removal", action="store_true", help="also retrain without what is said to matter")
    parser.add_argument("--quick", action="store_true", help="two studies, one budget")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    if options.quick:
        options.seeds, options.budgets = min(options.seeds, 2), options.budgets[:1]
    return options


if __name__ == "__main__":
    main()
