"""How often verification by retraining is wrong, and how often it sees what is there: by simulation.

    python benchmarks/verification.py [--studies 150] [--noise 0.05,0.5,1,2] [--budget 96] [--json FILE]

Made-up studies of 16 groups and 5 targets. An expansion knows each target in part; of each target the three
largest sets of it are claimed, and two pairs that do nothing. Claims of all targets share backgrounds and
seeds, and half of the noise of a fine-tune is common to the targets and corners of its seed. What is
confirmed and false should be at most the level of all that is confirmed.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from spex_data.masks import MaskDistribution
from spex_data.spectra import FourierExpansion, MoebiusExpansion, Term
from spex_data.verification import Hypothesis, design_verification, judge

N, TARGETS, LEVEL, ROUNDS = 16, 5, 0.1, 6
LAW = MaskDistribution("bernoulli", N)
COLUMNS = ("false of confirmed", "true confirmed", "true refuted", "nothing confirmed", "nothing refuted")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=150, help="of each noise")
    parser.add_argument("--noise", default="0.05,0.5,1,2", help="standard deviations, effects being 2 to 6")
    parser.add_argument("--budget", type=int, default=96, help="fine-tunes of verification")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    found = {
        noise: [outcome(seed, float(noise), options.budget) for seed in range(options.studies)]
        for noise in options.noise.split(",")
    }
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    table = Table("noise", *COLUMNS, title=f"{options.studies} studies each; level {LEVEL:g}")
    for noise, each in found.items():
        total = sum(map(Counter, each), Counter())
        rate = np.mean([one["false"] / max(one["false"] + one["true confirmed"], 1) for one in each])
        cells = (f"{total[what]} of {total[what.split()[0]]}" for what in COLUMNS[1:])
        table.add_row(noise, f"{rate:.1%}", *cells)
    Console().print(table)


def outcome(seed: int, noise: float, budget: int) -> dict[str, int]:
    """How many claims of a study are true, or of nothing, and what became of them."""
    rng = np.random.default_rng(seed)
    truth = planted(rng)
    errors = 1 + 0.3 * rng.standard_normal(truth.coefficients.shape)
    known = rng.random(truth.coefficients.shape) < 0.8
    expansion = FourierExpansion(N, truth.terms, truth.coefficients * errors * known)
    claims = claimed(expansion, truth, rng)
    sets = list(dict.fromkeys(claims[place].members for place in rng.permutation(len(claims))))
    keys = [str(group) for group in range(N)]
    design = design_verification(LAW, keys, sets, budget=budget, rounds=ROUNDS, seed=seed)
    masks, seeds = design.rows()
    _, owner = np.unique(seeds, return_inverse=True)
    common = rng.standard_normal((len(masks), 1))[owner]
    own = rng.standard_normal((len(masks), TARGETS))
    values = truth.evaluate(masks) + noise * (common + own) / np.sqrt(2)
    told = [one for one in claims if design.face_of(one.members)]
    counts: Counter[str] = Counter({"false": 0, "true confirmed": 0})
    for one in judge(design, values, told, expansion=expansion, level=LEVEL):
        index = effect(truth, one.hypothesis.members)[one.hypothesis.target]
        kind = (
            "nothing" if abs(index) < 1e-12 else "true" if index * one.hypothesis.predicted > 0 else "turned"
        )
        counts[kind] += 1
        counts[f"{kind} {one.verdict}"] += 1
        counts["false"] += one.verdict == "confirmed" and kind != "true"
    return dict(counts)


def planted(rng: np.random.Generator) -> FourierExpansion:
    """Of each target single groups, three pairs and a set of three of size 2 to 6, and eight small pairs."""

    def some(size: int) -> Term:
        return tuple(sorted(rng.choice(N, size, replace=False).tolist()))

    columns = []
    for _ in range(TARGETS):
        terms: dict[Term, float] = {(group,): 2 * rng.normal() for group in range(N)}
        for size in (2, 2, 2, 3):
            terms[some(size)] = rng.choice([-1, 1]) * rng.uniform(2, 6)
        for _ in range(8):
            terms.setdefault(some(2), 0.3 * rng.normal())
        columns.append(MoebiusExpansion.from_mapping(N, terms).to_fourier())
    every = sorted({term for one in columns for term in one.terms}, key=lambda term: (len(term), term))
    table = np.array([[float(np.ravel(one.coefficient(term))[0]) for one in columns] for term in every])
    return FourierExpansion(N, tuple(every), table)


def claimed(
    expansion: FourierExpansion, truth: FourierExpansion, rng: np.random.Generator
) -> list[Hypothesis]:
    """Of each target the three largest sets of an expansion, and two pairs of which there is nothing."""
    listed = expansion.discrete_derivatives(LAW.parity_moment, max_order=3)
    claims: dict[tuple[int, Term], float] = {}
    for target in range(TARGETS):
        sizes = {term: float(np.ravel(one)[target]) for term, one in listed.items() if len(term) > 1}
        for term in sorted(sizes, key=lambda term: -abs(sizes[term]))[:3]:
            claims[target, term] = sizes[term]
        for _ in range(2):
            pair = tuple(sorted(rng.choice(N, 2, replace=False).tolist()))
            if abs(effect(truth, pair)[target]) < 1e-12:
                claims.setdefault((target, pair), float(rng.choice([-1, 1]) * rng.uniform(1, 4)))
    return [Hypothesis(target, term, "claim", value) for (target, term), value in claims.items()]


def effect(function: FourierExpansion, members: Term) -> np.ndarray:
    """float64[targets], the mean discrete derivative."""
    return np.ravel(function.discrete_derivative(members, LAW.parity_moment))


if __name__ == "__main__":
    main()
