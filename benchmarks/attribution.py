"""How well attribution of groups tells what fine-tuning does, at equal budgets of fine-tunes.

    python benchmarks/attribution.py [--planted] [--texts] [--games DIR] [--run DIR] [--stored DIR]
        [--seeds 5] [--budgets 32,64,128,256] [--groups 20] [--difficulty 0.25] [--noise 0]
        [--json FILE] [--quick]

--planted (the default): functions of seven families whose interactions are known. --texts: real fine-tunes of
a small Llama on texts of the same families. --games: the games in DIR of which every subset was fine-tuned,
each once for every seed of the training masks. --run: data and model of a finished run, such as that of
configs/banking77.yaml (what became of its own claims is in its verification.json). --stored: the same, of
what the run measured alone: nothing is fine-tuned.

Every method pays for its own fine-tunes, each with a seed of its own. R2 and LDS are on masks never learnt
from (LDS on masks that keep half of the groups), means over two seeds, each beside what seed noise allows.
Recall is of sign and set among as many sets as were planted; precision of what a method reports; pairs is
the share of a game's 10 largest pairs among the method's 10; harm is how often it would leave out the group
that a target is better off without. Removal is measured: the fall of a target, in its own spread, without
the groups said to hold it up. With --json a run that was cut short goes on from the file.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from attribution_methods import names, run_method
from attribution_runs import finished_run, stored_run
from attribution_scores import scores, tests, training_masks
from attribution_studies import Study, games, planted, texts
from attribution_tables import needed_table, removal_table, scores_table, verified_table
from attribution_verified import FIRST_SEED, verified_counts
from decoding_peers import shapiq_proxyspex
from rich.console import Console

Found = dict[str, list[dict[str, Any]]]


def main() -> None:
    options = _arguments()
    peer = shapiq_proxyspex()
    peers = {"shapiq": peer} if peer else {}
    settings = {key: getattr(options, key) for key in ("groups", "difficulty", "noise", "removal", "verify")}
    found = _begun(options.json, settings)
    for study in _studies(options):
        if _is_done(study, options, peers, found):
            continue
        # A study is measured from its start: its fine-tunes are shared by its methods, and not in the file.
        for list_ in found.values():
            list_[:] = [one for one in list_ if one["study"] != study.name]
        _measure(study, options, peers, found)
        Console(stderr=True).print(f"{study.name}: {len(study.seen)} fine-tunes", highlight=False)
        if options.json:
            options.json.write_text(json.dumps({"settings": settings, **found}, indent=1))
    _print(found)


def _measure(study: Study, options: argparse.Namespace, peers: dict[str, Any], found: Found) -> None:
    masks = training_masks(study, max(options.budgets))
    judged = tests(study, masks)
    for budget in options.budgets:
        removal = options.removal and budget == max(options.budgets)
        for name in options.methods or names(peers):
            if name in peers and budget not in (options.peer_budgets or options.budgets):
                continue
            told = run_method(name, study, masks[:budget], FIRST_SEED + np.arange(budget), peers)
            if name == "auto" and told is not None and study.truth is not None and options.verify:
                referee = budget == max(options.budgets)
                found["verified"].append(verified_counts(study, told.decoded, budget, referee=referee))
            if told is not None:
                row = {"study": study.name, "kind": study.kind, "budget": budget, "method": name}
                found["rows"].append(row | scores(study, told, judged, removal=removal))


def _studies(options: argparse.Namespace) -> Iterator[Study]:
    seeds = range(options.first, options.first + options.seeds)
    shape = {"n_groups": options.groups, "difficulty": options.difficulty, "noise": options.noise}
    return chain(
        planted(seeds, **shape) if options.planted else (),
        texts(seeds, **shape) if options.texts else (),
        games(options.games, seeds) if options.games else (),
        map(finished_run, options.run),
        map(stored_run, options.stored),
    )


def _begun(path: Path | None, settings: dict[str, Any]) -> Found:
    """What an earlier run wrote."""
    if path is None or not path.is_file():
        return {"rows": [], "verified": []}
    held = json.loads(path.read_text())
    if held["settings"] != settings:
        sys.exit(f"{path} is of {held['settings']}, not of {settings}: name another file with --json")
    return {key: held[key] for key in ("rows", "verified")}


def _is_done(study: Study, options: argparse.Namespace, peers: dict[str, Any], found: Found) -> bool:
    have = {(row["method"], row["budget"]) for row in found["rows"] if row["study"] == study.name}
    verified = {one["budget"] for one in found["verified"] if one["study"] == study.name}
    wanted = options.verify and study.truth is not None and "auto" in (options.methods or ["auto"])
    if wanted and not {*options.budgets} <= verified:
        return False
    return all(
        (name, budget) in have
        for name in options.methods or names(peers)
        for budget in options.budgets
        if not (name in peers and budget not in (options.peer_budgets or options.budgets))
        if not (name == "leave-one-out" and (budget <= study.n_groups or study.stored))
        if not (name == "gradients" and study.gradients is None)
    )


def _print(found: Found) -> None:
    wide = Console(width=130)
    for kind in dict.fromkeys(row["kind"] for row in found["rows"]):
        rows = [row for row in found["rows"] if row["kind"] == kind]
        for table in (scores_table(kind, rows), removal_table(kind, rows), needed_table(kind, rows)):
            if table is not None:
                wide.print(table)
        checks = [check for check in found["verified"] if check["kind"] == kind]
        if checks:
            wide.print(verified_table(kind, checks))


def _arguments() -> argparse.Namespace:
    def numbers(text: str) -> list[int]:
        return sorted(int(one) for one in text.split(","))

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="studies of a kind")
    parser.add_argument("--first", type=int, default=0, help="the first of their seeds")
    parser.add_argument("--budgets", type=numbers, default=[32, 64, 128, 256], help="separated by commas")
    parser.add_argument("--peer-budgets", type=numbers, default=[], help="those of shapiq; all by default")
    parser.add_argument("--methods", type=lambda text: text.split(","), default=[], help="all by default")
    parser.add_argument("--groups", type=int, default=20, help="of planted functions and texts, 16 to 64")
    parser.add_argument("--difficulty", type=float, default=0.25, help="effects of groups that no story has")
    parser.add_argument("--noise", type=float, default=0.0, help="share of a story's texts that are wrong")
    parser.add_argument("--planted", action="store_true", help="functions of known interactions")
    parser.add_argument("--texts", action="store_true", help="real fine-tunes, some 3 min of CPU a study")
    parser.add_argument("--games", type=Path, metavar="DIR", help="folder of lora12_*.npz")
    parser.add_argument("--run", type=Path, nargs="*", default=[], metavar="DIR", help="finished runs")
    parser.add_argument(
        "--stored", type=Path, nargs="*", default=[], metavar="DIR", help="finished runs, nothing fine-tuned"
    )
    parser.add_argument("--no-removal", dest="removal", action="store_false", help="nothing is removed")
    parser.add_argument("--no-verify", dest="verify", action="store_false", help="no claim is retrained")
    parser.add_argument("--quick", action="store_true", help="two studies, one budget")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="written after each study; read at the start"
    )
    options = parser.parse_args()
    options.planted |= not (options.texts or options.games or options.run or options.stored)
    if options.quick:
        options.seeds, options.budgets = min(options.seeds, 2), [64]
    return options


if __name__ == "__main__":
    main()
