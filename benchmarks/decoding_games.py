"""What the decoding benchmark decodes: tables of every value, and games planted term by term."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, combinations, product
from math import inf, log2
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from spex_data.masks import MaskDistribution
from spex_data.spectra import FourierExpansion, MoebiusExpansion, Term

HELD_OUT = 1000
FAMILIES = ("hierarchical", "xor", "and", "or", "and-triples")


@dataclass(frozen=True)
class Case:
    """Masks and values to decode, others to judge by, and the truth.

    Attributes:
        name, family: Of the game; averages are taken within families too.
        setting: Budget, and for planted games SNR and p.
        masks, values: bool[m, n] and float64[m].
        heldout, answers: bool[h, n] and float64[h], free of noise.
        pairs: Exact Fourier coefficient of every pair.
        truth: The planted expansion; None for tables.
        distribution: What the masks were drawn from.
    """

    name: str
    family: str
    setting: str
    masks: NDArray[np.bool_]
    values: NDArray[np.float64]
    heldout: NDArray[np.bool_]
    answers: NDArray[np.float64]
    pairs: dict[Term, float]
    truth: FourierExpansion | None
    distribution: MaskDistribution


def tables(folder: Path, alphas: tuple[float, ...], seed: int = 0) -> Iterator[Case]:
    """Every table of every `.npz` file that is not constant, standardised, at M = alpha n log2 n masks."""
    for path in sorted(folder.glob("*.npz")):
        content = np.load(path)
        names = [name for name in content.files if not name.startswith("seed")]
        for name, alpha in product(names, alphas):
            values = content[name].astype(np.float64)
            n = int(log2(len(values)))
            if values.std() < 1e-9:
                continue
            values = (values - values.mean()) / values.std()
            title = path.stem if name == "values" else f"{path.stem} {name.removeprefix('target_')}"
            order = np.random.default_rng([crc32(title.encode()), seed]).permutation(len(values))
            m = int(alpha * n * log2(n))
            train, test = order[:m], order[m : m + HELD_OUT]
            if min(values[train].std(), values[test].std()) < 1e-9:
                continue
            yield Case(
                title,
                "lora" if path.stem.startswith("lora") else path.stem.rsplit("_", 1)[0],
                f"alpha {alpha:g}",
                as_masks(train, n),
                values[train],
                as_masks(test, n),
                values[test],
                exact_pairs(values, n),
                None,
                MaskDistribution("bernoulli", n),
            )


def as_masks(codes: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    """Group i is present where bit i is set."""
    return ((codes[:, None] >> np.arange(n)) & 1).astype(np.bool_)


def exact_pairs(values: NDArray[np.float64], n: int) -> dict[Term, float]:
    """The Fourier coefficient of every pair, by a fast Walsh-Hadamard transform."""
    spectrum = values.copy()
    for place in range(n):
        halves = spectrum.reshape(-1, 2, 2**place)
        spectrum = np.stack([halves[:, 0] + halves[:, 1], halves[:, 0] - halves[:, 1]], axis=1).reshape(-1)
    return {(i, j): float(spectrum[(1 << i) | (1 << j)]) / 2**n for i, j in combinations(range(n), 2)}


SETTINGS = (
    (16, 4, inf, 0.5),
    (16, 4, 10.0, 0.8),
    (16, 16, 3.0, 0.5),
    (16, 64, 3.0, 0.8),
    (16, 64, 10.0, 0.5),
    (32, 4, 3.0, 0.8),
    (32, 16, inf, 0.8),
    (32, 16, 3.0, 0.5),
    (64, 4, 10.0, 0.8),
    (64, 16, 3.0, 0.5),
    (128, 4, 10.0, 0.8),
    (256, 4, 10.0, 0.5),
)
"""(n, masks a group, SNR, p): many masks only where groups are few, for what they cost the peers."""


def cells(quick: bool) -> Iterator[tuple[str, int, int, float, float]]:
    """(family, n, masks a group, SNR, p) of the 60 planted games; quick: those of 16 and 32 groups.

    Every family in turn, the fewest groups first, so that a run cut short has all families; each setting
    begins with another family, so that of every fifth game one is of each.
    """
    for place, (n, per_group, snr, p) in enumerate(SETTINGS):
        first = place % len(FAMILIES)
        for family in (*FAMILIES[first:], *FAMILIES[:first]):
            if n <= 32 or not quick:
                yield family, n, per_group, snr, p


def planted(family: str, n: int, per_group: int, snr: float, p: float, seed: int = 0) -> Case:
    """A planted game, its values with noise of the variance of the signal over `snr`."""
    rng = np.random.default_rng([seed, n, per_group, crc32(family.encode())])
    truth = planted_expansion(family, n, rng)
    masks, heldout = rng.random((n * per_group, n)) < p, rng.random((HELD_OUT, n)) < p
    signal = truth.evaluate(masks)
    noise = 0.0 if snr == inf else float(signal.std() / np.sqrt(snr))
    return Case(
        f"{family} n={n} m={n * per_group}",
        family,
        f"SNR {snr:g}, p {p:g}",
        masks,
        signal + noise * rng.normal(size=len(masks)),
        heldout,
        truth.evaluate(heldout),
        {pair: float(truth.coefficient(pair)) for pair in truth.terms if len(pair) == 2},
        truth,
        MaskDistribution("bernoulli", n, p),
    )


def planted_expansion(family: str, n: int, rng: np.random.Generator) -> FourierExpansion:
    """About n/4 interactions of one sort."""

    def weight() -> float:
        return float(rng.choice([-1, 1]) * rng.uniform(0.5, 1.5))

    def drawn(size: int) -> Term:
        return tuple(sorted(rng.choice(n, size, replace=False).tolist()))

    order = rng.permutation(n).tolist()
    if family == "hierarchical":
        tops = [drawn(2) for _ in range(n // 4)] + [drawn(3) for _ in range(n // 16)]
        within = chain.from_iterable(combinations(top, size) for top in tops for size in (1, 2, 3))
        sets = sorted({(group,) for group in range(n)}.union(within))
        return FourierExpansion.from_mapping(n, {term: weight() * 0.6 ** (len(term) - 1) for term in sets})
    if family == "xor":
        sets = [drawn(2) for _ in range(n // 4)] + [drawn(3) for _ in range(n // 8)]
        return FourierExpansion.from_mapping(n, {term: weight() for term in sets})
    terms: dict[Term, float] = {}
    if family == "and-triples":
        for place in range(n // 8):
            terms[tuple(sorted(order[3 * place : 3 * place + 3]))] = 2 * weight()
        terms.update({(group,): 0.2 * float(rng.normal()) for group in range(n)})
    else:
        for place in range(n // 4):
            first, second = sorted(order[2 * place : 2 * place + 2])
            size = weight()
            terms[first, second] = size if family == "and" else -size
            if family == "or":
                terms[first,], terms[second,] = size, size
    return MoebiusExpansion.from_mapping(n, terms).to_fourier()
