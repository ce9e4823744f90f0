"""Which masks to retrain: the corners of sets, over fresh backgrounds that all sets share.

A round is a background, drawn like the study's masks, and a seed. Its masks are the background with some
groups flipped: for each set S all 2^|S| flips within S, so that its corners differ in S alone and share
the seed. Flips within one set are often flips within another, and every mask measures every target.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from spex_data.errors import ConfigError
from spex_data.masks import MaskDistribution
from spex_data.masks.streams import candidates, seed_from
from spex_data.spectra import Term
from spex_data.verification.hypotheses import LARGEST

LEAST_ROUNDS = 4
"""Backgrounds below which an interval says too little to be worth the fine-tunes."""
PHANTOM = "\x1fphantom"


@dataclass(frozen=True)
class VerificationDesign:
    """Fine-tunes that test sets of groups.

    Attributes:
        n_groups: Number of groups n.
        distribution: What backgrounds are drawn from.
        faces: Sets all of whose corners are measured in each random round, none within another; the group n
            is the phantom.
        front: Sets whose corners are also measured where all other groups are present.
        backgrounds: bool[r, n + 1], one a random round; the last column is the phantom's.
        draws: int64[r], which name the rounds' seeds.
        full_rounds: Rounds, each with a seed of its own, in which all other groups are present.
        seed: The study's.
    """

    n_groups: int
    distribution: MaskDistribution
    faces: tuple[Term, ...]
    front: tuple[Term, ...]
    backgrounds: NDArray[np.bool_]
    draws: NDArray[np.int64]
    full_rounds: int
    seed: int

    @property
    def flips(self) -> list[Term]:
        """What is flipped in each mask of a random round, smallest first."""
        return flips_of(self.faces)

    @property
    def full_flips(self) -> list[Term]:
        """What is absent in each mask of a full round."""
        return flips_of(self.front)

    @property
    def n_rounds(self) -> int:
        """Random rounds."""
        return len(self.backgrounds)

    def __len__(self) -> int:
        """Fine-tunes in all."""
        return self.n_rounds * len(self.flips) + self.full_rounds * len(self.full_flips)

    def rows(self) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """The fine-tunes: random rounds, each in the order of `flips`, then full rounds.

        Returns:
            (masks bool[r, n_groups], seeds int64[r]).
        """
        random = [
            (background ^ _indicator(flip, self.n_groups + 1), "verify", int(draw))
            for background, draw in zip(self.backgrounds, self.draws, strict=True)
            for flip in self.flips
        ]
        everything = np.ones(self.n_groups + 1, dtype=np.bool_)
        full = [
            (everything ^ _indicator(flip, self.n_groups + 1), "verify-full", draw)
            for draw in range(self.full_rounds)
            for flip in self.full_flips
        ]
        masks = np.array([mask for mask, _, _ in random + full], np.bool_).reshape(-1, self.n_groups + 1)
        seeds = [
            seed_from(self.seed, stream, draw, *([] if mask[-1] else ["phantom"]))
            for mask, stream, draw in random + full
        ]
        return masks[:, :-1], np.array(seeds, dtype=np.int64)

    def face_of(self, members: Term) -> Term | None:
        """A largest set measured whole that holds these groups; None if there is none."""
        around = [face for face in self.faces if set(members) <= set(face)]
        return max(around, key=len) if around else None


def flips_of(faces: Iterable[Term]) -> list[Term]:
    """All subsets of some sets, smallest first: what their corners differ by."""
    every = {part for face in faces for size in range(len(face) + 1) for part in combinations(face, size)}
    return sorted(every, key=lambda part: (len(part), part))


def design_verification(
    distribution: MaskDistribution,
    keys: Sequence[str],
    sets: Sequence[Term],
    *,
    front: Sequence[Term] = (),
    controls: Sequence[Term] = (),
    budget: int,
    rounds: int,
    full_rounds: int = 1,
    seed: int,
) -> VerificationDesign:
    """The largest design within a budget: the first sets that leave room for `LEAST_ROUNDS`, then rounds.

    Args:
        distribution: What the study's masks were drawn from.
        keys: Identity of each group.
        sets: What is to be tested, most important first.
        front: Those of them that are also to be tested at the full set.
        controls: Further sets, of which as many are taken as fit beside all of `sets`; the group n is the
            phantom.
        budget: Fine-tunes at most.
        rounds: Backgrounds at most.
        full_rounds: Seeds at the full set.
        seed: The study's.

    Returns:
        A design; empty if there is nothing to test.

    Raises:
        ConfigError: The budget does not suffice for the first set.
    """

    def cost(tested: Sequence[Term], ahead: Sequence[Term], number: int = LEAST_ROUNDS) -> int:
        return number * len(flips_of(tested)) + (full_rounds * len(flips_of(ahead)) if ahead else 0)

    taken: list[Term] = []
    ahead: list[Term] = []
    for one in sets:
        if cost([*taken, one], ahead) <= budget:
            taken.append(one)
            if one in front and cost(taken, [*ahead, one]) <= budget:
                ahead.append(one)
    if sets and not taken:
        raise ConfigError(
            f"allows {budget} fine-tunes, and one interaction takes {cost(sets[:1], ())}"
            f" ({LEAST_ROUNDS} backgrounds of 2^{len(sets[0])} corners)",
            where="verify.share",
            instead="write a larger share, or more masks.budget",
        )
    for one in controls:
        if taken and cost([*taken, one], ahead) <= budget:
            taken.append(one)
    taken = _completed(taken, lambda more: cost(more, ahead) <= budget)
    number = 0
    while taken and number < rounds and cost(taken, ahead, number + 1) <= budget:
        number += 1
    backgrounds, draws = _backgrounds(distribution, keys, number, seed)
    n_full = full_rounds if ahead else 0
    return VerificationDesign(
        len(keys), distribution, _maximal(taken), tuple(ahead), backgrounds, draws, n_full, seed
    )


def _completed(sets: Sequence[Term], fits: Callable[[Sequence[Term]], bool]) -> list[Term]:
    """The sets, and those that one more mask a background completes: more backgrounds for their subsets."""
    whole, groups = list(sets), sorted({member for one in sets for member in one})
    for size in range(3, LARGEST + 1):
        have = set(flips_of(whole))
        for one in combinations(groups, size):
            inside = all(part in have for part in combinations(one, size - 1))
            if inside and one not in have and fits([*whole, one]):
                whole.append(one)
    return whole


def _maximal(sets: Iterable[Term]) -> tuple[Term, ...]:
    chosen = sorted(set(sets), key=lambda one: (-len(one), one))
    return tuple(one for one in chosen if not any(set(one) < set(other) for other in chosen))


def _backgrounds(
    distribution: MaskDistribution, keys: Sequence[str], count: int, seed: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """The first `count` draws of a stream of their own, and a coin each for the phantom.

    Repeats are kept: a background that comes twice has two seeds, and skipping it would bias the mean.
    """
    drawn = list(zip(range(count), candidates(distribution, keys, seed=seed, stream="verify")))
    masks = np.array([mask for _, (_, mask) in drawn], np.bool_).reshape(count, len(keys))
    coins = [seed_from(seed, "verify", PHANTOM, draw) % 2 == 1 for _, (draw, _) in drawn]
    draws = np.array([draw for _, (draw, _) in drawn], np.int64)
    return np.column_stack([masks, np.array(coins, np.bool_)]), draws


def _indicator(members: Term, width: int) -> NDArray[np.bool_]:
    mask = np.zeros(width, dtype=np.bool_)
    mask[list(members)] = True
    return mask
