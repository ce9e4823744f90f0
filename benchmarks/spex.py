"""How sparse a game spex recovers exactly, and how well with noise, beside sparse-transform's SPEX.

    python benchmarks/spex.py [--quick] [--peer-seeds K] [--json FILE]

Games are a constant and K sets of 1 to `degree` groups, coefficients of 0.5 to 1.5 in size and of either
sign. Each side asks for masks of its own design: for exact recovery its smallest budget; with noise
(variance of the signal over SNR, drawn once a mask) ours gets as many masks as theirs asks for. Theirs is
what spectral-explain's SPEX calls, with its soft decoding, as it comes and with its own LASSO on what it
found; it takes minutes a game, so it gets only the first K seeds and the cells of 10 terms (`pip install -e
".[peers]"`; without it ours stands alone). One process, one thread.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from math import inf, sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from spex_data.decoding import decoder
from spex_data.faithfulness import r2
from spex_data.masks import design_masks
from spex_data.masks.coded import least_masks
from spex_data.spectra import FourierExpansion, Term

PEER_MASKS = {16: 672, 32: 672, 64: 864, 128: 984}
"""Masks of sparse-transform's smallest design (3 subsamplings of 2^3 bins) for degree 5, by groups."""
PEER_TERMS = 10
PEER = "sparse-transform"


@dataclass(frozen=True)
class Cell:
    """A sort of game.

    Attributes:
        n, degree, terms: Groups, largest set, number of sets.
        snr: Variance of the signal over that of the noise; infinite for none.
        missing: Share of training masks without a value.
        budget: Our masks.
    """

    n: int
    degree: int
    terms: int
    snr: float
    missing: float
    budget: int


@dataclass(frozen=True)
class Outcome:
    """What one side made of a game: whether its sets are the planted ones, R2 on new masks, CPU seconds."""

    cell: Cell
    seed: int
    method: str
    masks: int
    exact: bool
    r2: float
    cpu: float


def cells(quick: bool, sizes: Sequence[int]) -> Iterator[Cell]:
    """Exact recovery at the smallest budget; missing masks; noise at the peer's number of masks."""
    for n in sizes:
        for degree, terms in ((5, 5), (5, 10)) if quick else ((2, 10), (5, 5), (5, 10), (5, 20)):
            yield Cell(n, degree, terms, inf, 0.0, least_masks(n, degree))
    for n in sizes:
        yield Cell(n, 5, 10, inf, 0.1, least_masks(n, 5))
    for snr in (10.0,) if quick else (10.0, 3.0):
        for n in sizes:
            for terms in (10,) if quick else (10, 30):
                yield Cell(n, 5, terms, snr, 0.0, PEER_MASKS[n])


def planted(cell: Cell, seed: int) -> FourierExpansion:
    rng = np.random.default_rng([seed, cell.n, cell.degree, cell.terms])
    sets: set[Term] = set()
    while len(sets) < cell.terms:
        size = int(rng.integers(1, cell.degree + 1))
        sets.add(tuple(sorted(rng.choice(cell.n, size, replace=False).tolist())))
    weights = {each: float(rng.choice([-1, 1]) * rng.uniform(0.5, 1.5)) for each in sorted(sets)}
    return FourierExpansion.from_mapping(cell.n, {(): 3.0, **weights})


def noise_of(game: FourierExpansion, snr: float) -> float:
    return 0.0 if snr == inf else sqrt(float((game.coefficients[1:] ** 2).sum()) / snr)


def ours(cell: Cell, seed: int) -> Outcome:
    game = planted(cell, seed)
    design = design_masks(cell.n, scheme="spex", budget=cell.budget, degree=cell.degree, seed=seed)
    rng = np.random.default_rng(seed)
    values = game.evaluate(design.training)
    values += noise_of(game, cell.snr) * rng.normal(size=len(values))
    kept = rng.random(len(values)) >= cell.missing
    before = time.process_time()
    decoding = decoder("spex", max_order=cell.degree)
    found = decoding.decode(design.training[kept], values[kept], design=design).expansion
    return judged(cell, seed, "spex", len(design.training), game, found, time.process_time() - before)


def theirs(cell: Cell, seed: int) -> list[Outcome]:
    """sparse-transform with the settings of spectral-explain; what it draws are NumPy's global numbers."""
    from sparse_transform.qsft.codes.BCH import BCH
    from sparse_transform.qsft.qsft import fit_regression, transform
    from spectralexplain.support_recovery import sampling_strategy

    game, rng = planted(cell, seed), np.random.default_rng(seed)
    noise, drawn = noise_of(game, cell.snr), {}

    def value(masks: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
        rows = np.asarray(masks) == 1
        errors = [drawn.setdefault(row.tobytes(), noise * rng.normal()) for row in rows]
        return game.evaluate(rows) + np.array(errors)

    np.random.seed(seed)  # noqa: NPY002
    before = time.process_time()
    signal, counts = sampling_strategy(value, 3, 3, cell.n, None, t=cell.degree)
    soft = BCH(cell.n, cell.degree).parity_decode_2chase_t2_max_likelihood
    result: Any = transform(
        signal,
        reconstruct_method_source="coded",
        reconstruct_method_channel="identity-siso",
        b=3,
        num_subsample=3,
        num_repeat=1,
        source_decoder=partial(soft, chase_depth=2 * cell.degree),
        peeling_method="multi-detect",
        res_energy_cutoff=0.9,
        report=True,
    )
    plain = as_expansion(cell.n, result["transform"])
    spent = time.process_time() - before
    refitted = as_expansion(cell.n, fit_regression("lasso", result, signal, cell.n, 3)[0])
    return [
        judged(cell, seed, PEER, counts[3], game, plain, spent),
        judged(cell, seed, f"{PEER} + lasso", counts[3], game, refitted, time.process_time() - before),
    ]


def as_expansion(n: int, found: dict[tuple[int, ...], complex]) -> FourierExpansion:
    return FourierExpansion.from_mapping(
        n, {(): 0.0, **{tuple(np.flatnonzero(k).tolist()): float(np.real(v)) for k, v in found.items()}}
    )


def judged(
    cell: Cell,
    seed: int,
    method: str,
    masks: int,
    game: FourierExpansion,
    found: FourierExpansion,
    cpu: float,
) -> Outcome:
    named = {term for term, value in zip(found.terms, found.coefficients) if term and abs(value) > 1e-3}
    new = np.random.default_rng([seed, 7]).random((2000, cell.n)) < 0.5
    score = r2(game.evaluate(new), found.evaluate(new))
    return Outcome(cell, seed, method, masks, named == set(game.terms) - {()}, float(score), cpu)


def table(outcomes: Sequence[Outcome]) -> Table:
    """Means over seeds; CPU seconds are medians."""
    shown = Table(title="Sparse games of known truth")
    for column in ("groups", "degree", "terms", "SNR", "missing", "method"):
        shown.add_column(column, justify="left" if column == "method" else "right")
    for column in ("masks", "games", "exact", "R2", "lowest R2", "CPU s"):
        shown.add_column(column, justify="right")
    for cell, method in dict.fromkeys((each.cell, each.method) for each in outcomes):
        mine = [each for each in outcomes if (each.cell, each.method) == (cell, method)]
        shown.add_row(
            *map(str, (cell.n, cell.degree, cell.terms)),
            "none" if cell.snr == inf else f"{cell.snr:g}",
            f"{cell.missing:.0%}",
            method,
            str(mine[0].masks),
            str(len(mine)),
            f"{statistics.mean(each.exact for each in mine):.2f}",
            f"{statistics.mean(each.r2 for each in mine):.3f}",
            f"{min(each.r2 for each in mine):.3f}",
            f"{statistics.median(each.cpu for each in mine):.2f}",
        )
    return shown


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="16 and 64 groups, three seeds, SNR 10 alone")
    parser.add_argument("--seeds", type=int, metavar="K", help="games of a cell; 10, or 3 with --quick")
    parser.add_argument(
        "--peer-seeds", type=int, default=2, metavar="K", help="games it gets; 0 leaves it out"
    )
    parser.add_argument("--only", choices=("exact", "noise"), help="one half of the cells")
    parser.add_argument("--groups", default="", metavar="N,..", help="16,32,64,128, or 16,64 with --quick")
    parser.add_argument("--json", metavar="FILE", type=Path)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    warnings.simplefilter("ignore")
    console = Console(width=130)
    seeds = options.seeds or (3 if options.quick else 10)
    peer = options.peer_seeds if find_spec("sparse_transform") and find_spec("spectralexplain") else 0
    outcomes: list[Outcome] = []
    groups = options.groups or ("16,64" if options.quick else "16,32,64,128")
    for cell in cells(options.quick, [int(n) for n in groups.split(",")]):
        if options.only and (cell.snr == inf) != (options.only == "exact"):
            continue
        outcomes += [ours(cell, seed) for seed in range(seeds)]
        if cell.terms == PEER_TERMS and not cell.missing:
            for seed in range(min(peer, seeds)):
                outcomes += theirs(cell, seed)
        if options.json:  # as it goes: the peer takes long
            options.json.write_text(json.dumps([asdict(each) for each in outcomes], indent=2) + "\n")
    console.print(table(outcomes))


if __name__ == "__main__":
    main()
