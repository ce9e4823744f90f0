"""What a method's attribution is worth on a study: R2, LDS, removal, and what it found of what is there."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from attribution_methods import Attribution
from attribution_studies import Masks, Study, Values
from numpy.typing import NDArray

from spex_data.faithfulness import noise_ceiling, r2, rank_ceiling, spearman

HELDOUT, HELDOUT_SEEDS, REMOVED, LARGEST_PAIRS = 32, 2, 4, 10
_SUBSETS = 2048
"""Masks of an exhaustive game that a score is taken on, at most."""


@dataclass(frozen=True)
class Tests:
    """Masks that nothing is learnt from, as measured.

    Attributes:
        heldout: Like those trained on.
        values: float64[m, seeds, t] of them.
        halves: Masks that keep half of the groups.
        halves_values: float64[m, seeds, t] of them.
        ceilings: Of each target the R2 that seed noise allows on `heldout`; None where unknown.
        lds_ceilings: Of each target the rank correlation that it allows on `halves`.
        spread: Of each target the standard deviation over `heldout`, the unit of removal.
    """

    heldout: Masks
    values: Values
    halves: Masks
    halves_values: Values
    ceilings: list[float | None]
    lds_ceilings: list[float | None]
    spread: Values


def training_masks(study: Study, most: int) -> Masks:
    """Different masks, none of them of the small test sets; a smaller budget takes the first of them."""
    if study.stored is not None:
        return study.stored.training[:most]
    n = study.n_groups
    known = set() if study.exact is not None else {mask.tobytes() for mask in np.vstack(_test_masks(n))}
    drawn = np.random.default_rng([2, study.repeats]).random((4 * most + 64, n)) < 0.5
    fresh = list(dict.fromkeys(mask.tobytes() for mask in drawn if mask.tobytes() not in known))
    return np.array([np.frombuffer(mask, np.bool_) for mask in fresh[:most]])


def tests(study: Study, trained: Masks) -> Tests:
    """What a study's methods are judged by.

    Of an exhaustive game these are all masks, or as many as suffice, that are in no budget; of a stored run
    its held-out masks are both.
    """
    n = study.n_groups
    if study.stored is not None:
        heldout, values = study.stored.heldout, study.stored.replicates
        return _tests(heldout, values, heldout, values)
    if study.exact is None:
        heldout, halves = _test_masks(n)
    else:
        rng = np.random.default_rng([5, study.repeats])
        seen = {mask.tobytes() for mask in trained}
        every = (rng.permutation(2**n)[:, None] >> np.arange(n) & 1).astype(np.bool_)
        unseen = np.array([mask for mask in every if mask.tobytes() not in seen])
        heldout, halves = unseen[:_SUBSETS], unseen[unseen.sum(axis=1) == n // 2]
    return _tests(heldout, _replicates(study, heldout), halves, _replicates(study, halves))


def _tests(heldout: Masks, values: Values, halves: Masks, halves_values: Values) -> Tests:
    targets = range(values.shape[2])
    return Tests(
        heldout,
        values,
        halves,
        halves_values,
        [noise_ceiling(values[:, :, target]).value for target in targets],
        [rank_ceiling(halves_values[:, :, target]).value for target in targets],
        values.mean(axis=1).std(axis=0),
    )


def scores(study: Study, found: Attribution, judged: Tests, *, removal: bool) -> dict[str, Any]:
    """All scores of one method at one budget, of each target; None where a score does not apply."""
    predicted, halves = found.predict(judged.heldout), found.predict(judged.halves)
    n_targets = predicted.shape[1]
    means, halves_means = judged.values.mean(axis=1), judged.halves_values.mean(axis=1)
    return {
        # below -1 an R2 would only say how badly scaled a prediction is
        "r2": [_floored(r2(means[:, k], predicted[:, k]), -1.0) for k in range(n_targets)],
        "ceiling": judged.ceilings,
        # a prediction without ranks says nothing
        "lds": [_floored(spearman(halves_means[:, k], halves[:, k]), -1.0) for k in range(n_targets)],
        "lds_ceiling": judged.lds_ceilings,
        "removal": _removal_curves(study, found, judged.spread) if removal and not study.stored else None,
        **_recovery(study, found),
        "pairs": _pair_recall(study, found),
        "harm": _harm(study, found),
        "seconds": found.seconds,
    }


def _test_masks(n: int) -> tuple[Masks, Masks]:
    rng = np.random.default_rng(1)
    heldout = np.unique(rng.random((HELDOUT, n)) < 0.5, axis=0)
    return heldout, np.array([rng.permutation(n) < n // 2 for _ in range(HELDOUT)])


def _replicates(study: Study, masks: Masks) -> Values:
    """float64[m, seeds, t]."""
    tables = [study.values(masks, np.arange(len(masks)) * 2 + k) for k in range(HELDOUT_SEEDS)]
    return np.stack(tables, axis=1)


def _floored(score: float | None, least: float) -> float:
    return 0.0 if score is None else max(score, least)


def _removal_curves(study: Study, found: Attribution, spread: Values) -> list[list[float]]:
    """How far each target falls, in its own spread, without the 1, 2, ... groups said to hold it up.

    Greedily: what is best to remove second depends on what went first. Measured, not predicted.
    """
    n = study.n_groups
    curves = []
    for target in range(len(spread)):
        left = [np.ones(n, np.bool_)]
        for _ in range(REMOVED):
            present = np.flatnonzero(left[-1])
            options = np.repeat(left[-1][None], len(present), axis=0)
            options[np.arange(len(present)), present] = False
            left.append(options[int(np.argmin(found.predict(options)[:, target]))])
        values = _mean_values(study, np.array(left))[:, target]
        curves.append(((values[0] - values[1:]) / max(spread[target], 1e-12)).tolist())
    return curves


def _mean_values(study: Study, masks: Masks) -> Values:
    """Of a game the mean over its seeds; of a study one fine-tune each, all with one seed."""
    if study.exact is not None:
        return np.asarray(study.exact[masks @ (1 << np.arange(study.n_groups))])
    return study.values(masks, np.full(len(masks), 900))


def _recovery(study: Study, found: Attribution) -> dict[str, float | None]:
    """Recall of sign and set among as many sets as were planted; which share of those reported was."""
    if study.truth is None or not any(found.sets):
        return {"recall": None, "precision": None}
    hits = total = right = told = 0
    for truth, sets, reported in zip(study.truth, found.sets, found.reported, strict=True):
        first = dict(sets[: len(truth)])
        hits += sum(first.get(members, 0.0) * sign > 0 for members, sign in truth.items())
        total += len(truth)
        right += sum(truth.get(members, 0.0) * value > 0 for members, value in reported.items())
        told += len(reported)
    return {"recall": hits / total, "precision": right / told if told else None}


def _pair_recall(study: Study, found: Attribution) -> list[float] | None:
    """Of an exhaustive game: the share of each target's largest pairs among the method's largest."""
    if study.exact is None or not any(found.sets):
        return None
    shares = []
    for target, sets in enumerate(found.sets):
        true = _exact_pairs(study.exact[:, target], study.n_groups)
        told = [members for members, _ in sets if len(members) == 2][:LARGEST_PAIRS]
        shares.append(len({*told} & {*true}) / LARGEST_PAIRS)
    return shares


def _exact_pairs(table: NDArray[np.float64], n: int) -> list[tuple[int, int]]:
    """The pairs with the largest Banzhaf index: 4 |F({i, j})|."""
    masks = np.arange(2**n)[:, None] >> np.arange(n) & 1
    parities = 1.0 - 2.0 * masks
    strength = {
        (i, j): abs(float(np.mean(table * parities[:, i] * parities[:, j])))
        for i, j in combinations(range(n), 2)
    }
    return sorted(strength, key=lambda pair: -strength[pair])[:LARGEST_PAIRS]


def _harm(study: Study, found: Attribution) -> float | None:
    """Of the targets with a group that they are better off without: how often leaving it out is advised."""
    if not study.harmful:
        return None
    one_less = found.predict(~np.eye(study.n_groups, dtype=np.bool_))
    return statistics.mean(
        float(np.argmax(one_less[:, target]) == group) for target, group in study.harmful.items()
    )
