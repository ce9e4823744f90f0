"""Masks of a finer game: what a run over coarser groups has measured, and what has to be added.

A group is split into k parts. A mask in which all parts are absent, or all present, trains on the same
examples as a mask of the coarser groups, so its value is there. Under the finer law such masks come up with
probability (1 - p)^k and p^k, and given that they do they are distributed as the coarser masks without and
with the group. So the coarser run's masks are two strata of a sample from the finer law, and only the third
is trained: masks with some of the parts and not others. As many of each stratum as its probability asks for
are `lawful`; coarser masks beyond that are decoded from all the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from spex_data.errors import MaskError
from spex_data.masks.design import MaskDesign
from spex_data.masks.distribution import MaskDistribution
from spex_data.masks.growth import chosen_draws
from spex_data.masks.keys import mask_string, masks_from_strings
from spex_data.masks.streams import ENUMERABLE, candidates

_PATIENCE = 100_000


@dataclass(frozen=True, eq=False)
class Inherited:
    """The masks of a coarser run, over the finer groups: the parts are all present or all absent.

    Attributes:
        groups: Identity of each finer group, in the order of the columns.
        parts: Identities of those that were one group.
        training: bool[m, n_groups].
        training_draws: int64[m], their draw numbers in that run, so that they keep their seeds.
        lawful: bool[m], which of them are draws from that run's distribution.
        heldout: bool[h, n_groups].
        heldout_draws: int64[h].
    """

    groups: tuple[str, ...]
    parts: tuple[str, ...]
    training: NDArray[np.bool_]
    training_draws: NDArray[np.int64]
    lawful: NDArray[np.bool_]
    heldout: NDArray[np.bool_]
    heldout_draws: NDArray[np.int64]

    def to_table(self) -> pa.Table:
        """One row a mask: mask, role, draw, lawful; groups and parts are in the table's metadata."""
        masks = [mask_string(mask) for mask in (*self.heldout, *self.training)]
        table = pa.table(
            {
                "mask": pa.array(masks, pa.string()),
                "role": ["heldout"] * len(self.heldout) + ["train"] * len(self.training),
                "draw": np.concatenate([self.heldout_draws, self.training_draws]),
                "lawful": np.concatenate([np.ones(len(self.heldout), np.bool_), self.lawful]),
            }
        )
        words = {"groups": json.dumps(self.groups), "parts": json.dumps(self.parts)}
        return table.replace_schema_metadata(words)


def read_inherited(path: str, group_keys: Sequence[str]) -> Inherited:
    """What `to_table` wrote, for a study of these groups.

    Raises:
        MaskError: There is no such file, it is another one, or it was made for other groups.
    """
    instead = "give the file that `spex-data extend --split` wrote, or split the run again"
    try:
        table = pq.read_table(path)
        words = {
            key.decode(): json.loads(value)
            for key, value in (table.schema.metadata or {}).items()
            if key in (b"groups", b"parts")
        }
        groups, parts = tuple(words["groups"]), tuple(words["parts"])
        masks = masks_from_strings(table["mask"].to_pylist()).reshape(-1, len(groups))
        training = np.array(table["role"].to_pylist()) == "train"
        draws, lawful = (
            table["draw"].to_numpy().astype(np.int64),
            np.array(table["lawful"].to_pylist(), np.bool_),
        )
    except (OSError, KeyError, ValueError, pa.ArrowInvalid) as error:
        raise MaskError(
            f"cannot be read ({error})", where=f"masks.inherit, {path}", instead=instead
        ) from error
    if groups != tuple(group_keys):
        raise MaskError("was made for other groups", where=f"masks.inherit, {path}", instead=instead)
    return Inherited(
        groups, parts, masks[training], draws[training], lawful[training], masks[~training], draws[~training]
    )


def inheriting_design(inherited: Inherited, *, budget: int, p: float, heldout: int, seed: int) -> MaskDesign:
    """The inherited masks first, then masks with some of the parts and not others.

    Args:
        inherited: Of the coarser run.
        budget: Training masks in all.
        p: Probability that a group is present, in both runs.
        heldout: Held-out masks: of each stratum as many as its probability asks for, inherited ones first.
        seed: The study's seed.

    Returns:
        A MaskDesign; the first m masks of a larger budget's are the smaller's.

    Raises:
        MaskError: The budget is smaller than the number of inherited training masks.
    """
    if budget < len(inherited.training):
        raise MaskError(
            f"is {budget}, and {len(inherited.training)} masks are inherited",
            where="masks.budget",
            instead=f"write at least {len(inherited.training)}",
        )
    keys, places = inherited.groups, [inherited.groups.index(part) for part in inherited.parts]
    distribution, k = MaskDistribution("bernoulli", len(keys), p), len(places)
    chances = np.array([(1 - p) ** k, 1 - (1 - p) ** k - p**k, p**k])
    draw = _Drawing(distribution, keys, places, seed)
    seen = {row.tobytes() for row in np.packbits(inherited.training, axis=1)}
    seen |= {row.tobytes() for row in np.packbits(inherited.heldout, axis=1)}
    held, held_draws = _heldout(inherited, draw, _shares(chances, heldout), seen)
    mixed = draw.of_stratum(1, budget - len(inherited.training), "split", seen)
    training = np.vstack([inherited.training, mixed])
    strata = stratum(training, places)
    able = np.concatenate([inherited.lawful, np.ones(len(mixed), np.bool_)])
    return MaskDesign(
        distribution,
        seed,
        training,
        held,
        np.concatenate([inherited.training_draws, chosen_draws(keys, mixed)]),
        held_draws,
        exhaustive=False,
        lawful=_lawful(strata, able, chances),
    )


def stratum(masks: NDArray[np.bool_], places: Sequence[int]) -> NDArray[np.int64]:
    """int64[m]: 0 where all parts are absent, 2 where all are present, 1 where they differ."""
    inside = masks[:, list(places)]
    return np.where(inside.all(axis=1), 2, np.where(inside.any(axis=1), 1, 0))


@dataclass(frozen=True)
class _Drawing:
    """Draws from the finer law."""

    distribution: MaskDistribution
    keys: tuple[str, ...]
    places: list[int]
    seed: int

    def of_stratum(self, which: int, count: int, stream: str, seen: set[bytes]) -> NDArray[np.bool_]:
        """Up to `count` masks of a stratum that are not in `seen`, which they join."""
        found: list[NDArray[np.bool_]] = []
        misses = 0
        for _, mask in candidates(self.distribution, self.keys, seed=self.seed, stream=stream):
            if len(found) >= count or (misses > _PATIENCE and len(self.keys) > ENUMERABLE):
                break
            key = np.packbits(mask).tobytes()
            fits = key not in seen and stratum(mask[None], self.places)[0] == which
            misses = 0 if fits else misses + 1
            if fits:
                seen.add(key)
                found.append(mask)
        return np.array(found, dtype=np.bool_).reshape(len(found), len(self.keys))


def _heldout(
    inherited: Inherited, draw: _Drawing, counts: list[int], seen: set[bytes]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    strata = stratum(inherited.heldout, draw.places)
    masks, draws = [], []
    for which, count in enumerate(counts):
        rows = np.flatnonzero(strata == which)[:count]
        fresh = draw.of_stratum(which, count - len(rows), "split/heldout", seen)
        masks += [inherited.heldout[rows], fresh]
        draws += [inherited.heldout_draws[rows], chosen_draws(draw.keys, fresh)]
    return np.vstack(masks), np.concatenate(draws)


def _shares(chances: NDArray[np.float64], count: int) -> list[int]:
    """`count` split by chances, to whole numbers: the largest remainders get one more."""
    exact = chances * count
    whole = np.floor(exact).astype(int)
    whole[np.argsort(whole - exact, kind="stable")[: count - whole.sum()]] += 1
    return [int(each) for each in whole]


def _lawful(
    strata: NDArray[np.int64], able: NDArray[np.bool_], chances: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """bool[m], as many rows of each stratum as make a sample of the finer law, the first ones."""
    rows = [np.flatnonzero(able & (strata == which)) for which in range(3)]
    size = min(len(each) / chance for each, chance in zip(rows, chances, strict=True) if chance > 0)
    # a stratum too rare to be met in so small a sample does not shrink it to nothing
    size = max(size, min(len(rows[1]) / chances[1], 1 / chances.min()) if min(map(len, rows)) == 0 else 0.0)
    lawful = np.zeros(len(strata), dtype=np.bool_)
    for each, count in zip(rows, _shares(chances, int(size)), strict=True):
        lawful[each[:count]] = True
    return lawful
