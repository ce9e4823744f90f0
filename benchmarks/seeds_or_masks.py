"""More seeds or more masks: what a number of fine-tunes teaches, spent on one or on the other.

    python benchmarks/seeds_or_masks.py --games DIR [--draws 10] [--budgets 32,64,128,256] [--json FILE]

Games of which every subset was fine-tuned with two seeds. A budget goes to as many masks, each with one of
the seeds, or to half as many with both; R2 is against the mean over seeds of all other masks.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from attribution_studies import Study, games
from attribution_tables import student_half
from rich.console import Console
from rich.table import Table

from spex_data.decoding import decoder
from spex_data.faithfulness import r2

METHODS = ("proxyspex", "lasso")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--games", type=Path, required=True, metavar="DIR", help="folder of lora12_*.npz")
    parser.add_argument("--draws", type=int, default=10, help="draws of the masks of each game")
    parser.add_argument("--budgets", default="32,64,128,256", help="fine-tunes, with commas between")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    budgets = [int(one) for one in options.budgets.split(",")]
    found = [
        record
        for study in games(options.games, range(options.draws))
        for budget in budgets
        for method in METHODS
        for record in compared(study, budget, method)
    ]
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    Console().print(table(found, budgets))


def compared(study: Study, budget: int, method: str) -> list[dict]:
    """R2 of both ways, mean over the targets of a game."""
    assert study.exact is not None
    n, drawn = study.n_groups, np.random.default_rng([7, study.repeats])
    every = (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)
    order = drawn.permutation(2**n)
    seeds = drawn.integers(0, 2, budget)
    masks, others = every[order[:budget]], order[budget:]
    half = every[order[: budget // 2]]
    once = study.measure(masks, seeds)
    twice = (study.measure(half, np.zeros(len(half), int)) + study.measure(half, np.ones(len(half), int))) / 2
    scores = []
    for learnt, values in ((masks, once), (half, twice)):
        guess = decoder(method).decode(learnt, values).evaluate(every[others])
        scores.append(float(np.mean([r2(a, b) for a, b in zip(study.exact[others].T, guess.T, strict=True)])))
    record = {"study": study.name, "budget": budget, "method": method}
    return [record | {"masks": scores[0], "seeds": scores[1]}]


def table(found: list[dict], budgets: list[int]) -> Table:
    """Means over games and draws, and what masks gain over seeds, with half of Student's 90% interval."""
    shown = Table("fine-tunes", "method", "masks, one seed each", "half as many, two seeds", "masks gain")
    for budget in budgets:
        for method in METHODS:
            mine = [one for one in found if (one["budget"], one["method"]) == (budget, method)]
            gains = [one["masks"] - one["seeds"] for one in mine]
            means = [f"{np.mean([one[way] for one in mine]):.3f}" for way in ("masks", "seeds")]
            shown.add_row(str(budget), method, *means, f"{np.mean(gains):+.3f} ± {student_half(gains):.3f}")
    return shown


if __name__ == "__main__":
    main()
