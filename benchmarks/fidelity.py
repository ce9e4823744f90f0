"""How many true fine-tunes it takes to predict others, with and without a gradient surrogate.

    python benchmarks/fidelity.py [--kind halves | texts] [--worlds 1 2 3] [--rates 0.005 0.001] \\
        [--budgets 32 64 128 256] [--methods auto auto+surrogate adaptive adaptive+surrogate] \\
        [--run DIR [--draws K]] [--keep DIR] [--json FILE] [--quick]

On embedded worlds, really fine-tuned: the demo's groups cut into halves (32 groups, 8 questions), or planted
texts of seven families (20 groups, 7 questions). R2 and LDS (Spearman) are on held-out masks that nothing was
decoded from, over what seed noise allows; `saved` is how many times fewer fine-tunes reach what the plain
method reaches, with the surrogate's own processor time (gradients and simulation) counted as fine-tunes;
`planted` is the share of the pairs that complement each other by construction among as many of the largest
positive pairs. `adaptive` chooses half of the masks after the first 32, in rounds that double them, and
fine-tunes its own. Intervals are over worlds. --run: the same of a finished run of training.keep: all, from
what it measured (adaptive masks are fine-tuned anew); intervals are over K draws, each of which begins 64
masks further on (so that budgets of more than 64 share masks). What was measured is kept in DIR and FILE, so
that the same command goes on where it was stopped.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fidelity_adaptive import adaptive_masks
from fidelity_worlds import KINDS, FidelityWorld, fidelity_world, finished_world
from rich.console import Console
from rich.table import Table

from spex_data.decoding import Simulated, decoder
from spex_data.decoding.registry import CheckingDecoder
from spex_data.decoding.surrogate_gp import SurrogateGp
from spex_data.faithfulness import noise_ceiling, r2, rank_ceiling, spearman
from spex_data.masks import MaskDistribution
from spex_data.surrogate import build_surrogate

_SIMULATED = 1000
_LEAST_CEILING = 0.5
"""Questions whose values are mostly noise are left out."""


@dataclass(frozen=True)
class Shot:
    """What a method made of a budget: the result, and what it cost besides, in fine-tunes."""

    decoded: Any
    extra: float


Method = Callable[[FidelityWorld, int], Shot]
"""A method is a function of a world and a number of true fine-tunes, the first so many of its masks."""


def law(world: FidelityWorld) -> MaskDistribution:
    return MaskDistribution("bernoulli", world.masks.shape[1], 0.5)


def _plain(name: str) -> Method:
    def method(world: FidelityWorld, budget: int) -> Shot:
        masks, values = world.masks[:budget], world.values[:budget]
        return Shot(decoder(name).decode(masks, values, design=law(world)), 0.0)

    return method


def _listening(make: Callable[[], Any]) -> Method:
    def method(world: FidelityWorld, budget: int) -> Shot:
        features, seconds = simulated(world)
        masks, values = world.masks[:budget], world.values[:budget]
        decoded = make().decode(masks, values, design=law(world), features=features)
        return Shot(decoded, seconds / world.seconds)

    return method


def _adaptive(surrogate: bool) -> Method:
    def method(world: FidelityWorld, budget: int) -> Shot:
        design, values = adaptive_masks(world, budget)
        features, seconds = simulated(world) if surrogate else (None, 0.0)
        decoding = decoder("auto")
        decoded = decoding.decode(design.training, values, design=design, features=features)
        return Shot(decoded, seconds / world.seconds)

    return method


METHODS: dict[str, Method] = {
    "walsh-gp": _plain("walsh-gp"),
    "surrogate-gp": _listening(lambda: CheckingDecoder("auto", SurrogateGp())),
    "auto": _plain("auto"),
    "auto+surrogate": _listening(lambda: decoder("auto")),
    "adaptive": _adaptive(surrogate=False),
    "adaptive+surrogate": _adaptive(surrogate=True),
}
_BEYOND = 512
"""Plain methods are also measured at so many masks, so that what a surrogate saves has an end to read off."""
_PLAIN = {
    "surrogate-gp": "walsh-gp",
    "auto+surrogate": "auto",
    "adaptive": "auto",
    "adaptive+surrogate": "auto",
}
_DEFAULT = ("auto", "auto+surrogate", "adaptive", "adaptive+surrogate")
_told: dict[str, tuple[Simulated, float]] = {}


def simulated(world: FidelityWorld) -> tuple[Simulated, float]:
    """What a surrogate of 8 anchors among the first 32 masks says, and its processor seconds."""
    if world.name not in _told:
        function = world.function
        started = time.process_time()
        surrogate = build_surrogate(
            function.base_model,
            function.examples,
            function.grouping,
            function.targets,
            function.recipe,
            world.anchors(),
        )
        masks = np.random.default_rng(7).random((_SIMULATED, function.n_groups)) < 0.5
        told = Simulated(masks, surrogate.simulate(function.grouping, masks))
        _told[world.name] = told, time.process_time() - started
    return _told[world.name]


def measure(world: FidelityWorld, name: str, budget: int) -> dict[str, Any]:
    """One method at one budget on one world, means over questions."""
    began = time.process_time()
    shot = METHODS[name](world, budget)
    seconds = time.process_time() - began
    predicted, truth = shot.decoded.evaluate(world.heldout), world.replicates.mean(axis=0)
    scores, ranks = [], []
    for k, values in enumerate(np.moveaxis(world.replicates, 2, 0)):
        ceiling = noise_ceiling(values.T)
        if (ceiling.value or 0.0) > _LEAST_CEILING:
            scores.append(r2(truth[:, k], predicted[:, k]) / ceiling.value)
            ranks.append(
                spearman(truth[:, k], predicted[:, k]) / rank_ceiling(values.T, ceiling=ceiling).value
            )
    return {
        "r2": float(np.mean(scores)),
        "median_r2": float(np.median(scores)),
        "lds": float(np.mean(ranks)),
        "planted": _recall(world, shot.decoded),
        "extra": shot.extra,
        "seconds": seconds,
    }


def _recall(world: FidelityWorld, decoded: Any) -> float | None:
    shares = []
    for pairs, fit in zip(world.planted, decoded.fits, strict=True):
        if pairs:
            n = world.masks.shape[1]
            sizes = {
                (i, j): 4 * float(np.squeeze(fit.expansion.coefficient((i, j))))
                for i in range(n)
                for j in range(i + 1, n)
            }
            largest = sorted(sizes, key=lambda pair: -sizes[pair])[: len(pairs)]
            shares.append(len(set(largest) & set(pairs)) / len(pairs))
    return float(np.mean(shares)) if shares else None


def saved(curve: dict[int, float], budget: int, score: float, extra: float) -> float:
    """How many times fewer fine-tunes: those at which a plain curve reaches a score, over those spent.

    Between budgets the curve is straight in the log of the budget; beyond its end the end is taken, so that
    the figure is then a lower bound.
    """
    sizes = sorted(curve)
    best = np.maximum.accumulate([curve[size] for size in sizes])
    needed = np.exp(np.interp(score, best, np.log(sizes)))
    return float(needed / (budget + extra))


def main() -> None:
    """Measures what FILE does not hold yet, and prints the table."""
    options = _arguments()
    if options.run:
        options.kind, options.worlds, options.rates = "run", list(range(options.draws)), ["as run"]
    held: dict[str, Any] = json.loads(options.json.read_text()) if options.json.is_file() else {}
    for rate in options.rates:
        for seed in options.worlds:
            wanted = [(name, budget) for name in options.methods for budget in _budgets(options, name)]
            missing = [each for each in wanted if _key(options, seed, rate, *each) not in held]
            if missing and options.run:
                world = finished_world(options.run, seed, options.keep)
            elif missing:
                most = max(budget for name in options.methods for budget in _budgets(options, name))
                world = fidelity_world(options.kind, seed, rate, most, options.keep)
            for name, budget in missing:
                key = _key(options, seed, rate, name, budget)
                held[key] = measure(world, name, budget)
                options.json.write_text(json.dumps(held, indent=1))
                print(key, {k: v and round(v, 3) for k, v in held[key].items()}, flush=True)
    _print(held, options)


def _budgets(options: argparse.Namespace, name: str) -> list[int]:
    beyond = [] if name in _PLAIN or options.run or options.quick else [_BEYOND]
    return [*options.budgets, *beyond]


def _key(options: argparse.Namespace, seed: int | str, rate: float | str, name: str, budget: int) -> str:
    return f"{options.kind}/{seed}/{rate}/{name}/{budget}"


def _print(held: dict[str, Any], options: argparse.Namespace) -> None:
    for rate in options.rates:
        table = Table("method", "fine-tunes", "R2 / ceiling", "LDS / ceiling", "saved", "planted", "extra")
        for name in options.methods:
            for budget in _budgets(options, name):
                rows = [held.get(_key(options, seed, rate, name, budget)) for seed in options.worlds]
                found = [row for row in rows if row]
                cells = [_interval([row[k] for row in found]) for k in ("r2", "lds")]
                table.add_row(name, str(budget), *cells, _saved(held, options, rate, name, budget),
                              _interval([row["planted"] for row in found if row["planted"] is not None]),
                              _interval([row["extra"] for row in found]))  # fmt: skip
        Console().print(f"learning rate {rate}", table)


def _saved(
    held: dict[str, Any], options: argparse.Namespace, rate: float | str, name: str, budget: int
) -> str:
    factors = []
    if name not in _PLAIN:
        return "-"
    for seed in options.worlds:
        mine = held.get(_key(options, seed, rate, name, budget))
        plain = {
            b: held.get(_key(options, seed, rate, _PLAIN[name], b)) for b in _budgets(options, _PLAIN[name])
        }
        if mine and all(plain.values()):
            curve = {size: row["r2"] for size, row in plain.items() if row}
            factors.append(saved(curve, budget, mine["r2"], mine["extra"]))
    return _interval(factors)


def _interval(values: list[float]) -> str:
    """The mean, and with several worlds its 90% interval by Student's t."""
    from scipy.stats import t

    if not values:
        return "-"
    mean = statistics.fmean(values)
    if len(values) == 1:
        return f"{mean:.2f}"
    half = t.ppf(0.95, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return f"{mean:.2f} ({mean - half:.2f} to {mean + half:.2f})"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kind", choices=KINDS, default="halves", help="of worlds")
    parser.add_argument("--worlds", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--rates", type=float, nargs="*", default=[0.005, 0.001])
    parser.add_argument("--budgets", type=int, nargs="*", default=[32, 64, 128, 256])
    parser.add_argument("--methods", nargs="*", default=_DEFAULT, choices=METHODS)
    parser.add_argument("--run", type=Path, metavar="DIR", help="a finished run that kept its adapters")
    parser.add_argument(
        "--draws", type=int, default=1, metavar="K", help="with --run: its masks from K places on"
    )
    parser.add_argument("--keep", type=Path, default=Path("runs/fidelity"), metavar="DIR")
    parser.add_argument("--json", type=Path, default=Path("runs/fidelity.json"), metavar="FILE")
    parser.add_argument("--quick", action="store_true", help="one world, one rate, two budgets, single GPs")
    options = parser.parse_args()
    if options.quick:
        options.worlds, options.rates, options.budgets = [1], [0.005], [32, 64]
        options.methods = ["walsh-gp", "surrogate-gp"]
    options.json.parent.mkdir(parents=True, exist_ok=True)
    return options


if __name__ == "__main__":
    main()
