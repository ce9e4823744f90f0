"""Does the learning curve of the first masks say what more masks will bring?

    python benchmarks/learning.py [--games FOLDER] [--seeds 3] [--masks 64] [--method auto] [--json FILE]

The curve is measured on some masks of a game; then the same decoder gets twice and four times as many, and
its R2 on 1,000 held-out masks is compared with what the curve said. `sd`: standard deviation of the log of
the actual error over the predicted one, from which `spex_data/faithfulness/learning_curve.py` takes how sure
it is; `covered`: share within the 90% interval.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from adaptive import planted_games, tables
from attribution_studies import Study, games

from spex_data.decoding import decoder
from spex_data.faithfulness import learning_curve, noise_ceiling, r2
from spex_data.masks import design_masks

FACTORS = (1, 2, 4)


def _either_seed(replicates: Any) -> float:
    """The largest R2 on values of one of two seeds by chance, where their mean is what is to be predicted."""
    signal = float(replicates.mean(axis=1).var())
    return signal / (signal + float(((replicates[:, 0] - replicates[:, 1]) ** 2).mean()) / 4)


def outcome(study: Study, masks: int, seed: int, method: str) -> list[dict[str, Any]]:
    """One row a target and factor."""
    design = design_masks(study.n_groups, budget=max(FACTORS) * masks, heldout=1000, seed=seed)
    seeds = np.arange(len(design.training))
    values = study.values(design.training, seeds)
    replicates = np.stack(
        [study.values(design.heldout, np.full(len(design.heldout), k)) for k in (0, 1)], axis=1
    )
    exact = replicates.mean(axis=1)
    rows = []
    for target in range(values.shape[1]):
        if values[:masks, target].std() < 1e-9 or exact[:, target].std() < 1e-9:
            continue
        y = values[:, target]

        def fit(inside: Any, y: Any = y) -> Any:
            found = decoder(method).decode(design.training[inside], y[inside], design=design.distribution)
            return lambda outside: found.evaluate(design.training[outside])

        few = replicates[:64, :, target]
        curve = learning_curve(
            y[:masks, None],
            lambda inside, fit=fit: lambda out: fit(inside)(out)[:, None],
            ceilings=[1.0 if study.exact is not None else noise_ceiling(few).value],
            single_ceilings=[_either_seed(few) if study.exact is not None else noise_ceiling(few, 1.0).value],
        )
        if curve is None:
            continue
        for factor in FACTORS:
            count = factor * masks
            found = decoder(method).decode(design.training[:count], y[:count], design=design.distribution)
            reached = r2(exact[:, target], found.evaluate(design.heldout))
            value, low, high = curve.expected(count)
            rows.append(
                {"kind": study.kind, "game": study.name, "target": target, "factor": factor, "said": value,
                 "low": low, "high": high, "reached": reached}
            )  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--games", type=Path)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--masks", type=int, default=64)
    parser.add_argument("--method", default="auto")
    parser.add_argument("--only", default="", help="part of a game's name")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for seed in range(options.seeds):
        studies = [study for study, _ in planted_games(seed)]
        if options.games:
            studies += [*tables(options.games), *games(options.games, range(1))]
        for study in studies:
            if options.only in study.name:
                rows += outcome(study, options.masks, seed, options.method)
    for kind in sorted({row["kind"] for row in rows}):
        for factor in FACTORS:
            some = [row for row in rows if (row["kind"], row["factor"]) == (kind, factor)]
            logs = [np.log(max(1 - row["reached"], 1e-3) / max(1 - row["said"], 1e-3)) for row in some]
            inside = [row["low"] <= row["reached"] <= row["high"] for row in some]
            width = np.mean([row["high"] - row["low"] for row in some])
            said, reached = (np.mean([row[what] for row in some]) for what in ("said", "reached"))
            print(
                f"{kind:8} x{factor}: {len(some)} targets, said {said:.3f}, "
                f"reached {reached:.3f}, log error {np.mean(logs):+.2f} "
                f"(sd {np.std(logs):.2f}), covered {np.mean(inside):.0%}, width {width:.2f}",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
