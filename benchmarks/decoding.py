"""How well and how fast set functions are recovered, beside other people's code.

    python benchmarks/decoding.py --games FOLDER [--planted] [--costs] [--quick] [--json FILE]

FOLDER holds `.npz` files with the value of every mask. Each method gets the same masks, in one process and on
one thread; a method that fails scores as the mean of the values. `pip install -e ".[peers]"` adds the peers.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
import resource
import statistics
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path

import numpy as np
from decoding_games import Case, cells, planted, tables
from decoding_peers import PEERS, Peer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from spex_data.decoding import NAMES, Decoded, Interaction, decoder
from spex_data.faithfulness import r2, spearman
from spex_data.spectra import FourierExpansion, Term

TOP = 10
FDR = 0.1
ALL = "all"
METHODS = tuple(name for name in NAMES if name != "spex")
"""Those that decode any masks; for spex see benchmarks/spex.py."""


@dataclass(frozen=True)
class Outcome:
    """What one method made of one case; None where it does not apply.

    Attributes:
        pair_error: Squared error of the pairs' coefficients over their sum of squares.
        recall: Share of the exact 10 largest pairs (fewer if there are fewer) among its own.
        f1: Of the interactions of order 2 and 3 that are reported at a false discovery rate of 10%, against
            the planted ones; of peers' that are not 0.
        false_share: Share of those reported that were not planted; 0 if none was reported.
        covered, covered_reported: Share of planted, and of reported, interactions within their interval.
        width, width_reported: Median width of these intervals.
        unknown: Share of planted interactions that masks say nothing of; they are left out of `covered`.
        cpu: Seconds, children included.
    """

    case: str
    family: str
    setting: str
    method: str
    r2: float
    spearman: float
    pair_error: float
    recall: float
    f1: float | None
    covered: float | None
    covered_reported: float | None
    width: float | None
    width_reported: float | None
    false_share: float | None
    unknown: float | None
    cpu: float
    failure: str | None


def outcome(case: Case, method: str, peer: Peer | None) -> Outcome:
    """Decodes and judges."""
    found: Decoded | None = None
    failure = None
    before = cpu_seconds()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if peer is None:
                answer = decoder(method).decode(case.masks, case.values, design=case.distribution)
                found, expansion = answer, answer.expansion
            else:
                expansion = peer(case.masks, case.values)
    except Exception as error:  # what a peer raises is its own affair
        failure = f"{type(error).__name__}: {error}"[:100]
        expansion = FourierExpansion(case.masks.shape[1], ((),), np.array([case.values.mean()]))
    cpu = cpu_seconds() - before
    guess = expansion.evaluate(case.heldout)
    before = cpu_seconds()
    rate = FDR if case.truth is not None else None
    listed = [each for each in found.interactions(3, fdr=rate) if each.order > 1] if found else None
    cpu += cpu_seconds() - before
    ranked = ranked_pairs(listed, expansion)
    coefficients = {pair: float(expansion.coefficient(pair)) for pair in case.pairs}
    energy = sum(value**2 for value in case.pairs.values())
    error = sum((coefficients[pair] - value) ** 2 for pair, value in case.pairs.items())
    largest = sorted(case.pairs, key=lambda pair: -abs(case.pairs[pair]))[:TOP]
    judged = judged_list(case, found, listed, expansion)
    return Outcome(
        case.name,
        case.family,
        case.setting,
        method,
        r2(case.answers, guess),
        spearman(case.answers, guess) or 0.0,  # None where the guess is constant
        error / max(energy, 1e-300),
        len(set(largest) & set(ranked[:TOP])) / max(len(largest), 1),
        judged.f1,
        judged.covered,
        judged.covered_reported,
        judged.width,
        judged.width_reported,
        judged.false_share,
        judged.unknown,
        cpu,
        failure,
    )


def ranked_pairs(listed: Sequence[Interaction] | None, expansion: FourierExpansion) -> list[Term]:
    """Pairs as a method ranks them: in its list if it gives one, else by their coefficients."""
    if listed is not None:
        return [each.members for each in listed if each.order == 2]
    pairs = [
        (abs(value), term)
        for term, value in zip(expansion.terms, expansion.coefficients, strict=True)
        if len(term) == 2
    ]
    return [term for _, term in sorted(pairs, reverse=True)]


@dataclass(frozen=True)
class JudgedList:
    """What is said of a planted game's interactions; fields as in Outcome."""

    f1: float | None = None
    covered: float | None = None
    covered_reported: float | None = None
    width: float | None = None
    width_reported: float | None = None
    false_share: float | None = None
    unknown: float | None = None


def judged_list(
    case: Case, found: Decoded | None, listed: Sequence[Interaction] | None, expansion: FourierExpansion
) -> JudgedList:
    if case.truth is None:
        return JudgedList()
    moment = case.distribution.parity_moment
    true = {
        term: float(value)
        for term, value in case.truth.discrete_derivatives(moment, max_order=3).items()
        if len(term) > 1 and abs(float(value)) > 1e-9
    }
    if found is None or listed is None:
        own = {
            term
            for term, value in zip(expansion.terms, expansion.coefficients, strict=True)
            if len(term) > 1 and value
        }
        return JudgedList(f1(own, set(true)), false_share=len(own - set(true)) / max(len(own), 1))
    # without noise intervals are as wide as rounding
    slack = 1e-6 * max(map(abs, true.values()), default=0.0)

    def inside(ci: tuple[float, float], value: float) -> bool:
        return ci[0] - slack <= value <= ci[1] + slack

    planted_ones = {term: found.estimate(term).ci for term in true}
    known = {term: ci for term, ci in planted_ones.items() if ci is not None}
    reported = {each.members: each.ci for each in listed if each.reported}
    return JudgedList(
        f1(set(reported), set(true)),
        mean_of([inside(ci, true[term]) for term, ci in known.items()]),
        mean_of([inside(ci, true.get(term, 0.0)) for term, ci in reported.items() if ci is not None]),
        median_of([high - low for low, high in known.values()]),
        median_of([ci[1] - ci[0] for ci in reported.values() if ci is not None]),
        len(set(reported) - set(true)) / max(len(reported), 1),
        1 - len(known) / max(len(true), 1),
    )


def mean_of(values: Sequence[float]) -> float | None:
    return statistics.mean(values) if values else None


def median_of(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def f1(found: set[Term], true: set[Term]) -> float:
    return 2 * len(found & true) / max(len(found) + len(true), 1)


def cpu_seconds() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


@dataclass(frozen=True)
class Cost:
    """Time and memory of one method at one size."""

    method: str
    n_groups: int
    n_masks: int
    n_targets: int
    cpu: float
    peak_mib: float


def costs(methods: Sequence[str], quick: bool) -> Iterator[Cost]:
    """Cost against groups, masks and targets; the peak is the process's so far, so sizes ascend."""
    groups = [(n, 1024, 1) for n in ((16, 64) if quick else (16, 64, 256, 1000))]
    masks = [(32, m, 1) for m in ((256, 1024) if quick else (256, 1024, 4096, 20000))]
    targets = [(64, 1024, t) for t in ((10,) if quick else (10, 100, 1000))]
    for n, m, t in chain(groups, masks, targets):
        drawn = np.random.default_rng(0).random((m, n)) < 0.5
        values = many_targets(drawn, t)
        for method in methods:
            before = time.process_time()
            decoder(method).decode(drawn, values)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            yield Cost(method, n, m, t, time.process_time() - before, peak)


def many_targets(masks: NDArray[np.bool_], count: int) -> NDArray[np.float64]:
    """Targets of five pairs and noise each."""
    rng = np.random.default_rng(1)
    signs = 1.0 - 2.0 * masks
    columns = []
    for _ in range(count):
        pairs = rng.integers(0, masks.shape[1], size=(5, 2))
        columns.append(
            (signs[:, pairs[:, 0]] * signs[:, pairs[:, 1]]).sum(axis=1) + rng.normal(size=len(masks))
        )
    return np.stack(columns, axis=1)


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


def versions(names: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--games", metavar="DIR", type=Path, help="folder of .npz files with every value")
    parser.add_argument("--planted", action="store_true", help="planted games of known truth")
    parser.add_argument("--costs", action="store_true", help="time and memory against size")
    parser.add_argument("--methods", default=",".join(METHODS), help="ours, separated by commas")
    parser.add_argument("--peers", default=",".join(PEERS), help="others', where installed; '' for none")
    parser.add_argument("--every", type=int, default=1, metavar="K", help="only every K-th case")
    parser.add_argument("--quick", action="store_true", help="alpha 2 alone, every fifth case, small costs")
    parser.add_argument("--json", metavar="FILE", type=Path)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    console = Console(width=150)
    ours = [name for name in options.methods.split(",") if name]
    peers = {name: PEERS[name]() for name in options.peers.split(",") if name}
    ways: dict[str, Peer | None] = {**dict.fromkeys(ours), **{k: peer for k, peer in peers.items() if peer}}
    sources: dict[str, Iterator[Case]] = {}
    if options.games:
        sources["Tables"] = tables(options.games, (2.0,) if options.quick else (2.0, 8.0))
    if options.planted or not (options.games or options.costs):
        sources["Planted games"] = (planted(*cell) for cell in cells(options.quick))
    step = options.every * (5 if options.quick else 1)
    outcomes: list[Outcome] = []
    for title, cases in sources.items():
        found = []
        for number, case in enumerate(cases):
            if number % step == 0:
                found += [outcome(case, method, peer) for method, peer in ways.items()]
        lora = [each for each in found if each.family == "lora"]
        rest = [each for each in found if each.family != "lora"]
        for part, name in ((rest, title), (lora, "LoRA games")):
            if part:
                console.print(summary(part, list(ways), name))
        outcomes += found
    spent = list(costs(ours, options.quick)) if options.costs else []
    if spent:
        table = Table("method", "groups", "masks", "targets", "CPU s", "peak MiB", title="Cost")
        for each in spent:
            table.add_row(
                *map(str, (each.method, each.n_groups, each.n_masks, each.n_targets)),
                f"{each.cpu:.2f}",
                f"{each.peak_mib:.0f}",
            )
        console.print(table)
    if options.json:
        content = {
            "versions": versions(("numpy", "scipy", "lightgbm", "scikit-learn", "shapiq", "spectralexplain")),
            "outcomes": [asdict(each) for each in outcomes],
            "costs": [asdict(each) for each in spent],
        }
        options.json.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
