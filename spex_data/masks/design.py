"""The masks of a study: what is trained on, and what is held out to judge the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spex_data.errors import MaskError
from spex_data.masks.coded import CodedDesign, coded_design, least_masks
from spex_data.masks.distribution import MaskDistribution, Scheme
from spex_data.masks.streams import ENUMERABLE, candidates, identity, seed_from

_PATIENCE = 100_000
"""So many repeats in a row mean that the distribution has no more masks to give."""


@dataclass(frozen=True)
class MaskDesign:
    """Masks drawn for a study; unless coded, the first m of a larger design are the smaller's.

    Attributes:
        distribution: What they are drawn from.
        seed: The study's seed.
        training: bool[m, n_groups], decoded from; no two alike, none held out.
        heldout: bool[h, n_groups], drawn first from a stream of their own, never decoded from.
        training_draws: int64[m], each mask's draw number, which names its training seed.
        heldout_draws: int64[h].
        exhaustive: Whether training and held-out masks together are all 2^n.
        code: What `spex` masks are the masks of, held-out ones included; None for other schemes.
        lawful: bool[m], which training masks are draws from the distribution; None for all of them. Others
            were chosen for what they tell, or come from an earlier study, and no mean over the distribution
            may count them as draws.
    """

    distribution: MaskDistribution
    seed: int
    training: NDArray[np.bool_]
    heldout: NDArray[np.bool_]
    training_draws: NDArray[np.int64]
    heldout_draws: NDArray[np.int64]
    exhaustive: bool
    code: CodedDesign | None = None
    lawful: NDArray[np.bool_] | None = None

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return self.distribution.n_groups


def design_masks(
    n_groups: int,
    *,
    budget: int,
    scheme: Scheme = "bernoulli",
    p: float = 0.5,
    heldout: int = 64,
    seed: int = 0,
    group_keys: Sequence[str] | None = None,
    degree: int = 5,
) -> MaskDesign:
    """Draws the held-out masks, then the training masks, skipping repeats and held-out ones.

    Coded masks (scheme "spex") are those of the largest code within the budget. What it leaves of the
    budget is drawn like "bernoulli" ones, and so is held out what is: a mask of the code that is held out
    is missing.

    Args:
        n_groups: Number of groups n, at least 2.
        budget: Number of training masks, at least n + 2; more than there are gives all there are.
        scheme: "bernoulli", "stratified" or "spex".
        p: Probability that a group is present (bernoulli).
        heldout: Number of held-out masks; at most 2^n / 4 are taken.
        seed: The study's seed.
        group_keys: Identity of each group, of which no two are alike; its position where not given.
        degree: Largest set of groups that coded masks tell from all others ("spex").

    Returns:
        A MaskDesign.

    Raises:
        MaskError: Fewer than 2 groups, a budget below n + 2 or below the smallest code, or a p so extreme
            that masks run out.
    """
    if n_groups < 2:
        raise MaskError(f"is {n_groups}", where="number of groups", instead="make at least 2 groups")
    held = min(heldout, 2**n_groups // 4) if n_groups < 60 else heldout
    if scheme == "spex":
        _check_code(n_groups, budget, degree, 2**n_groups - held)
    if budget < n_groups + 2:
        raise MaskError(
            f"is {budget} for {n_groups} groups",
            where="masks.budget",
            instead=f"write at least {n_groups + 2} (n + 2), or {{alpha: 4}} for 4 n log2 n",
        )
    distribution = MaskDistribution(scheme, n_groups, p)
    keys = [str(i) for i in range(n_groups)] if group_keys is None else list(group_keys)
    seen: set[bytes] = set()
    heldout_masks, heldout_draws = _distinct(distribution, keys, held, seed, "heldout", seen)
    code, masks, draws = None, np.zeros((0, n_groups), np.bool_), np.zeros(0, np.int64)
    if scheme == "spex":
        code = coded_design(keys, budget=min(budget, 2**n_groups - held), degree=degree, seed=seed)
        masks, draws = _coded(code, keys, seen)
    others, other_draws = _distinct(distribution, keys, budget - len(masks), seed, "training", seen)
    masks, draws = np.vstack([masks, others]), np.concatenate([draws, other_draws])
    exhaustive = n_groups < 60 and len(masks) + len(heldout_masks) == 2**n_groups
    return MaskDesign(distribution, seed, masks, heldout_masks, draws, heldout_draws, exhaustive, code)


def _check_code(n_groups: int, budget: int, degree: int, available: int) -> None:
    """Refuses a budget that no code fits into, unless it covers every mask there is."""
    least = max(min(least_masks(n_groups, degree), available), n_groups + 2)
    if budget < least:
        lower = [each for each in range(2, degree) if least_masks(n_groups, each) <= budget]
        other = f", or masks.degree: {lower[-1]}" if lower else ", or masks.scheme: bernoulli"
        raise MaskError(
            f"is {budget} for {n_groups} groups and sets of up to {degree} of them",
            where="masks.budget",
            instead=f"write at least {least}, the smallest that spex works with{other}",
        )


def _coded(
    code: CodedDesign, keys: Sequence[str], seen: set[bytes]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """The masks of a code that are not in `seen`, which they join; a draw number is a hash of the mask."""
    masks: list[NDArray[np.bool_]] = []
    for block in code.blocks:
        for mask in block.masks.reshape(-1, len(keys)):
            key = np.packbits(mask).tobytes()
            if key not in seen:
                seen.add(key)
                masks.append(mask)
    draws = [seed_from("coded", identity(keys, mask)) for mask in masks]
    return np.array(masks, np.bool_).reshape(-1, len(keys)), np.array(draws, np.int64)


def _distinct(
    distribution: MaskDistribution, keys: Sequence[str], count: int, seed: int, stream: str, seen: set[bytes]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """The first `count` masks of a stream that are not in `seen`, which they join."""
    masks: list[NDArray[np.bool_]] = []
    draws: list[int] = []
    repeats = 0
    source = candidates(distribution, keys, seed=seed, stream=stream)
    while len(masks) < count and (drawn := next(source, None)) is not None:
        draw, mask = drawn
        key = np.packbits(mask).tobytes()
        repeats = repeats + 1 if key in seen else 0
        if repeats == 0:
            seen.add(key)
            masks.append(mask)
            draws.append(draw)
        elif repeats > _PATIENCE and distribution.n_groups > ENUMERABLE:
            raise MaskError(
                f"gives only {len(masks)} different masks, {count} are wanted",
                where=f"masks.p = {distribution.p}",
                instead="write a p nearer to 0.5 or a smaller masks.budget",
            )
    stacked = np.array(masks, dtype=np.bool_).reshape(len(masks), distribution.n_groups)
    return stacked, np.array(draws, dtype=np.int64)
