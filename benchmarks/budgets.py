"""What a budget of alpha n log2(n) masks recovers of planted games, with the default decoder.

    python benchmarks/budgets.py [--json FILE] [--groups 16,32]

The five families of planted games of decoding_games.py at p = 1/2, their values with noise of a tenth of the
signal's variance (SNR 10), at alpha 1, 2, 4 and 8; the same games for each budget. What it prints is what
`spex_data/reports/budgets.py` keeps for `spex-data plan`.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
from math import log2
from pathlib import Path
from statistics import mean

from decoding_games import FAMILIES, planted
from decoding_outcomes import outcome

from spex_data.study.procedure import default_method

ALPHAS = (1, 2, 4, 8)
SNR = 10.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--groups", default="16", help="powers of 2, separated by commas")
    parser.add_argument("--json", metavar="FILE", type=Path)
    options = parser.parse_args()
    rows = []
    for alpha in ALPHAS:
        cases = [
            planted(family, n, round(alpha * log2(n)), SNR, 0.5)
            for n in map(int, options.groups.split(","))
            for family in FAMILIES
        ]
        found = [outcome(case, default_method(), None) for case in cases]
        row = {
            "alpha": alpha,
            "games": len(found),
            "r2": round(mean(one.r2 for one in found), 3),
            "r2_least": round(min(one.r2 for one in found), 3),
            "recall": round(mean(one.recall for one in found), 3),
            "f1": round(mean(one.f1 or 0.0 for one in found), 3),
            "failed": sum(one.failure is not None for one in found),
        }
        rows.append(row)
        print(json.dumps(row), flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
