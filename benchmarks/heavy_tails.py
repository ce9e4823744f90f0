"""What noise of heavy tails does to what is decoded and reported.

    python benchmarks/heavy_tails.py [--freedom NU] [--seeds K] [--method NAME]

14 groups, 200 masks, p = 1/2; single groups of weight 1 and either sign, in the second game beside three ANDs
of two groups; noise of Student's t with NU degrees of freedom (1.2: its variance is infinite), times a half.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse

import numpy as np
from rich.console import Console
from rich.table import Table

from spex_data.decoding import decoder
from spex_data.faithfulness import r2
from spex_data.masks import MaskDistribution
from spex_data.spectra import MoebiusExpansion, Term

GROUPS, MASKS, HELD_OUT = 14, 200, 2000
GAMES = ("singles", "singles and ANDs")


def row(game: str, seed: int, freedom: float, method: str) -> list[str]:
    """Seed, R2 on masks without noise, interactions reported at a rate of 10%, and how many are there."""
    rng = np.random.default_rng(seed)
    masks = rng.random((MASKS, GROUPS)) < 0.5
    weights = rng.choice([-1, 1], GROUPS) * (rng.random(GROUPS) < 0.4)
    terms: dict[Term, float] = {(group,): float(weight) for group, weight in enumerate(weights)}
    order = rng.permutation(GROUPS) if game == GAMES[1] else np.zeros(0, dtype=np.int64)
    true = {tuple(sorted(order[2 * place : 2 * place + 2].tolist())) for place in range(len(order[:6]) // 2)}
    truth = MoebiusExpansion.from_mapping(GROUPS, {**terms, **dict.fromkeys(true, 2.0)}).to_fourier()
    values = truth.evaluate(masks) + 0.5 * rng.standard_t(freedom, size=MASKS)
    found = decoder(method).decode(masks, values, design=MaskDistribution("bernoulli", GROUPS))
    unseen = rng.random((HELD_OUT, GROUPS)) < 0.5
    score = r2(truth.evaluate(unseen), found.evaluate(unseen))
    reported = {each.members for each in found.interactions(3, fdr=0.1) if each.order > 1 and each.reported}
    counts = (len(reported), len(reported - true), len(reported & true), len(true))
    return [game, str(seed), "" if score is None else f"{score:.3f}", *map(str, counts)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--freedom", type=float, default=1.2, metavar="NU", help="degrees of freedom")
    parser.add_argument("--seeds", type=int, default=6, metavar="K", help="tables of each game")
    parser.add_argument("--method", default="auto")
    options = parser.parse_args()
    table = Table("game", "seed", "R2", "reported", "false", "true", "planted", title=options.method)
    for game in GAMES:
        for seed in range(options.seeds):
            table.add_row(*row(game, seed, options.freedom, options.method))
    Console().print(table)


if __name__ == "__main__":
    main()
