"""A walk among sets of atoms that stays at each for as long as the posterior says.

From a set of atoms one can add an atom, remove one, or exchange one for another. The walk jumps to a
neighbour at the rate g(ratio of the posteriors), so that no step is refused: the time spent at a set before a
jump is one over the sum of its rates, and averages over time are averages over the posterior (Zanella 2020,
"Informed proposals for local MCMC in discrete spaces"; Power and Goldman 2019, for the walk in continuous
time). g(t) = min(1, t) while averages are taken, and sqrt(t), which goes for the best, on the way there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding.atoms import Dictionary
from spex_data.decoding.basis import centred
from spex_data.decoding.sparse.background import Background, background
from spex_data.decoding.sparse.candidates import Candidates
from spex_data.decoding.sparse.prior import SizePrior, size_prior
from spex_data.decoding.sparse.sweep import Swept, swept

_PENALTY = 0.5
"""Prior precision of a unit column's coefficient, in units of the noise's: worth half a row."""


@dataclass(frozen=True)
class Effort:
    """How long a walk takes.

    Attributes:
        rounds: Scans for candidates.
        settling: Steps after each scan.
        steps: Steps that are averaged over.
        restraint: But for the last round, the background has this share of the variance that the evidence
            gives it. A background explains what ANDs of groups would, and so hides them from a walk; held
            back, it leaves that to them first.
        first: Atoms taken from the first scan.
    """

    rounds: int
    settling: int
    steps: int
    restraint: float = 1.0
    first: int = 180


@dataclass(frozen=True, eq=False)
class Visited:
    """Averages over a walk.

    Attributes:
        candidates: The atoms.
        coefficients: float64[q], posterior means, of unit columns.
        background: What all single groups have beside them.
        singles: float64[n_groups], their coefficients.
        states: Sets of atoms (places, int64) and the share of the time spent there; these add up to 1.
        log_posterior: Of the set where it stayed longest, up to a constant that is the same for every walk
            on the same values.
    """

    candidates: Candidates
    coefficients: NDArray[np.float64]
    background: Background
    singles: NDArray[np.float64]
    states: tuple[tuple[float, NDArray[np.int64]], ...]
    log_posterior: float

    @property
    def n_atoms(self) -> float:
        """The mean number of atoms."""
        return float(sum(share * len(here) for share, here in self.states))


def walk(
    dictionary: Dictionary,
    values: NDArray[np.float64],
    p: float,
    *,
    max_order: int,
    effort: Effort,
    rng: np.random.Generator,
) -> Visited:
    """Walks among the sets of atoms that explain values.

    Args:
        dictionary: Atoms on the masks.
        values: float64[m], of mean 0.
        p: How often groups are present.
        max_order: Largest atom.
        effort: How long.
        rng: Decides each jump.
    """
    singles = centred(p).offset + centred(p).slope * dictionary.signs.astype(np.float64)
    singles -= singles.mean(axis=0)
    pool = Candidates(dictionary, max_order, effort.first)
    residual, active = values, np.zeros(0, dtype=np.bool_)
    for turn in range(effort.rounds):
        beside = background(singles, residual)
        if turn < effort.rounds - 1:
            beside = replace(beside, variance=effort.restraint * beside.variance)
        left = residual - singles @ beside.coefficients(residual)
        pool.scan(left, [pool.atoms[place] for place in np.flatnonzero(active)], beside)
        active = np.r_[active, np.zeros(len(pool.atoms) - len(active), dtype=np.bool_)]
        state = swept(pool.columns, values, active, penalty=_PENALTY, nuisance=beside.nuisance)
        prior = size_prior(pool.sizes, dictionary.n_groups, len(dictionary.kinds))
        _settle(state, prior, effort.settling, rng)
        active = state.active
        residual = values - pool.columns @ state.coefficients
    total, mean, states = 0.0, np.zeros(len(pool.atoms)), []
    for _ in range(effort.steps):
        here, coefficients = np.flatnonzero(state.active), state.coefficients
        time = _step(state, prior, rng)
        total, mean = total + time, mean + time * coefficients
        states.append((time, here))
    mean /= total
    return Visited(
        pool,
        mean,
        beside,
        beside.coefficients(values - pool.columns @ mean),
        tuple((time / total, here) for time, here in states),
        beside.log_evidence(values) + _log_odds(pool, values, prior, beside, max(states, key=_time)[1]),
    )


def _time(state: tuple[float, NDArray[np.int64]]) -> float:
    return state[0]


def _log_odds(
    pool: Candidates,
    values: NDArray[np.float64],
    prior: SizePrior,
    beside: Background,
    places: NDArray[np.int64],
) -> float:
    """How much more probable a set of atoms is than none, given the background."""
    columns = pool.columns[:, places]
    state = swept(
        columns, values, np.zeros(len(places), dtype=np.bool_), penalty=_PENALTY, nuisance=beside.nuisance
    )
    chosen, total = replace(prior, sizes=prior.sizes[places]), 0.0
    for place in range(len(places)):
        total += float(state.flip_evidence()[place] + chosen.log_odds(state.active)[place])
        state.flip(place)
    return total


@dataclass(frozen=True, eq=False)
class _Moves:
    """Every neighbour of a set of atoms: log ratios of its posterior, flips of each atom first, then swaps.

    Attributes:
        ratios: float64[q + a b].
        given, taken: int64[a] and int64[b], active atoms and the others, that swaps are among.
    """

    ratios: NDArray[np.float64]
    given: NDArray[np.int64]
    taken: NDArray[np.int64]

    def make(self, state: Swept, rates: NDArray[np.float64], rng: np.random.Generator) -> None:
        """Goes to a neighbour by chance, as its rate has it."""
        sums = np.cumsum(rates)
        choice = min(int(np.searchsorted(sums, rng.random() * sums[-1])), len(sums) - 1)
        if choice < len(state.active):
            state.flip(choice)
            return
        out, into = divmod(choice - len(state.active), len(self.taken))
        state.flip(int(self.given[out]))
        state.flip(int(self.taken[into]))


def _moves(state: Swept, prior: SizePrior) -> _Moves:
    odds = prior.log_odds(state.active)
    flips = state.flip_evidence() + np.where(state.active, -odds, odds)
    given, taken = np.flatnonzero(state.active), np.flatnonzero(~state.active)
    swaps = state.swap_evidence(given, taken) + odds[taken] - odds[given][:, None]
    return _Moves(np.concatenate([flips, swaps.reshape(-1)]), given, taken)


def _settle(state: Swept, prior: SizePrior, steps: int, rng: np.random.Generator) -> None:
    """Goes for the best, and where nothing is better looks about."""
    for _ in range(steps):
        moves = _moves(state, prior)
        moves.make(state, np.exp((moves.ratios - moves.ratios.max()) / 2), rng)


def _step(state: Swept, prior: SizePrior, rng: np.random.Generator) -> float:
    """Moves on, and returns how long it stayed."""
    moves = _moves(state, prior)
    logs = np.minimum(moves.ratios, 0.0)
    top = float(logs.max())
    rates = np.exp(logs - top)
    moves.make(state, rates, rng)
    return float(np.exp(-top) / rates.sum())
