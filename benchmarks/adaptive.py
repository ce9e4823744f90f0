"""Adaptive masks beside uniform ones at equal fine-tunes, and what cross-validation promises.

    python benchmarks/adaptive.py [--planted] [--games FOLDER] [--worlds 0,1] [--budgets 96,144] [--json FILE]

Planted games (24 groups, five families, noise of a tenth of the signal's variance), tables of every value,
LoRA games of which every subset was fine-tuned, and worlds of texts with true fine-tunes. The first 64 masks
are the same on both sides; the rest is drawn, or in rounds chosen by half. R2 is on masks drawn from the law
and held out, of planted games free of noise. `promised`: the R2 that cross-validation on drawn masks expects
(what `masks.until` decides by) less what it was; `kept`: how often it was at least the lower end of the
promise's 90% interval; `covered`: planted interactions within their 90% interval.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
from collections.abc import Iterator
from math import log2, sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any
from zlib import crc32

import numpy as np
from attribution_studies import Study, games, texts
from decoding_games import FAMILIES, planted_expansion

from spex_data.adaptive import known_so_far, next_round, round_ends
from spex_data.decoding import Decoded, decoder
from spex_data.faithfulness import noise_ceiling, r2
from spex_data.masks import MaskDesign, design_masks
from spex_data.masks.growth import first_masks
from spex_data.masks.streams import seed_from
from spex_data.spectra import FourierExpansion

FIRST, HELDOUT, HELDOUT_SEEDS = 64, 64, 2


def planted_games(seed: int, n: int = 24) -> Iterator[tuple[Study, FourierExpansion]]:
    for family in FAMILIES:
        truth = planted_expansion(family, n, np.random.default_rng([seed, n, crc32(family.encode())]))
        noise = sqrt(float((truth.coefficients[1:] ** 2).sum()) / 10)

        def measure(masks: Any, seeds: Any, truth: Any = truth, noise: float = noise) -> Any:
            codes = masks @ (2 ** np.arange(masks.shape[1]))
            pairs = zip(seeds, codes, strict=True)
            drawn = [np.random.default_rng([int(one), int(code)]).normal() for one, code in pairs]
            return (truth.evaluate(masks) + noise * np.array(drawn))[:, None]

        yield Study("planted", f"{family} {seed}", n, measure), truth


def tables(folder: Path) -> Iterator[Study]:
    for path in sorted(folder.glob("*.npz")):
        if not path.stem.startswith("lora"):
            values = np.load(path)["values"].astype(np.float64)
            n = int(log2(len(values)))

            def look_up(masks: Any, _seeds: Any, values: Any = values, n: int = n) -> Any:
                return values[masks @ (1 << np.arange(n))][:, None]

            yield Study("tables", path.stem, n, look_up)


def measured(study: Study, design: MaskDesign) -> Any:
    """Values of a design's training masks, each with its own seed."""
    seeds = [seed_from(design.seed, "training", int(draw)) for draw in design.training_draws]
    return study.values(design.training, np.array(seeds, dtype=np.int64))


def adaptive_design(study: Study, whole: MaskDesign) -> MaskDesign:
    """What a study with masks.scheme adaptive would have measured in the end."""
    keys = [str(group) for group in range(study.n_groups)]
    ends = round_ends(study.n_groups, len(whole.training), first=FIRST)
    design = first_masks(whole, ends[0])
    for end in ends[1:]:
        design = next_round(design, whole, measured(study, design), design.training, end, group_keys=keys)
    return design


def rows(
    study: Study, truth: FourierExpansion | None, budget: int, seed: int, method: str
) -> list[dict[str, Any]]:
    """One row a target: R2 of both sides and the promise of cross-validation."""
    whole = design_masks(study.n_groups, budget=budget, heldout=HELDOUT, seed=seed)
    held = [
        study.values(
            whole.heldout,
            np.array([seed_from(seed, "heldout", int(draw), k) for draw in whole.heldout_draws]),
        )
        for k in range(HELDOUT_SEEDS)
    ]
    replicates = np.stack(held, axis=1)
    exact = replicates.mean(axis=1) if truth is None else truth.evaluate(whole.heldout)[:, None]
    found: list[dict[str, Any]] = [{} for _ in range(exact.shape[1])]
    for name, design in (("uniform", whole), ("adaptive", adaptive_design(study, whole))):
        values = measured(study, design)
        decoded = decoder(method).decode(design.training, values, design=design)
        guess = decoded.evaluate(whole.heldout)
        ceilings = [noise_ceiling(replicates[:, :, target]) for target in range(exact.shape[1])]
        known = known_so_far(design.training, values, ceilings, design=design, method=method, max_order=3)
        for target, row in enumerate(found):
            row |= {"kind": study.kind, "game": study.name, "target": target, "budget": budget, "seed": seed}
            row[name] = r2(exact[:, target], guess[:, target])
            row[f"{name}_covered"] = None if truth is None else covered(decoded, truth)
        reached = [r2(replicates.mean(axis=1)[:, target], guess[:, target]) for target in range(len(found))]
        if known.r2 is not None and known.r2_ci is not None and None not in reached:
            found[0][f"{name}_promised"] = known.r2 - mean(one or 0.0 for one in reached)
            found[0][f"{name}_kept"] = mean(one or 0.0 for one in reached) >= known.r2_ci[0]
    return [row for row in found if row["uniform"] is not None]


def covered(decoded: Decoded, truth: FourierExpansion) -> float | None:
    """Share of the planted interactions whose 90% interval holds the true mean derivative."""
    true = truth.discrete_derivatives(lambda order: float(order == 0), max_order=3)
    inside = []
    for term, value in true.items():
        if len(term) > 1 and abs(float(value)) > 1e-9:
            estimate = decoded.estimate(term)[0]  # type: ignore[index]
            if estimate is not None and estimate.ci is not None:
                inside.append(estimate.ci[0] <= float(value) <= estimate.ci[1])
    return mean(inside) if inside else None


def summary(found: list[dict[str, Any]]) -> None:
    for kind, budget in sorted({(row["kind"], row["budget"]) for row in found}):
        some = [row for row in found if (row["kind"], row["budget"]) == (kind, budget)]
        gain = [row["adaptive"] - row["uniform"] for row in some]
        half = 1.645 * stdev(gain) / sqrt(len(gain)) if len(gain) > 1 else float("nan")
        better = mean(one > 0 for one in gain)
        print(
            f"{kind:9} {budget:4} masks, {len(some):3} targets: uniform "
            f"{mean(row['uniform'] for row in some):.3f}, adaptive {mean(gain):+.3f} +- {half:.3f} "
            f"(better in {better:.0%})"
        )
        for name in ("uniform", "adaptive"):
            parts = [
                f"{what} {mean(known):+.3f}" if what == "promised" else f"{what} {mean(known):.0%}"
                for what in ("promised", "kept", "covered")
                if (known := [row[f"{name}_{what}"] for row in some if row.get(f"{name}_{what}") is not None])
            ]
            print(f"    {name}: {', '.join(parts)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--games", type=Path, help="folder of .npz tables")
    parser.add_argument("--worlds", default="", help="seeds of worlds of texts, separated by commas")
    parser.add_argument("--planted", action="store_true")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--budgets", default="96,144")
    parser.add_argument("--method", default="auto")
    parser.add_argument("--only", default="", help="part of a game's name")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cases: list[tuple[Study, FourierExpansion | None]] = []
    for seed in range(options.seeds if options.planted else 0):
        cases += list(planted_games(seed))
    if options.games:
        cases += [(study, None) for study in (*tables(options.games), *games(options.games, range(1)))]
    for world in filter(None, options.worlds.split(",")):
        seeds = range(int(world), int(world) + 1)
        cases += [(one, None) for one in texts(seeds, n_groups=16, difficulty=0.0, noise=0.0)]
    found: list[dict[str, Any]] = []
    for study, truth in cases:
        if options.only in study.name:
            for seed in range(1 if truth is not None or study.kind == "texts" else options.seeds):
                for budget in map(int, options.budgets.split(",")):
                    found += rows(study, truth, budget, seed, options.method)
    summary(found)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
