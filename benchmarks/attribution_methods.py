"""Methods of attribution at a budget of fine-tunes, ours and the usual ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from attribution_studies import Masks, Study, Values
from numpy.typing import NDArray

from spex_data.decoding import decoder
from spex_data.masks import MaskDistribution
from spex_data.spectra import FourierExpansion

OURS = ("auto", "proxyspex")
FAIR = 0.5


@dataclass(frozen=True)
class Attribution:
    """What a method says after its budget.

    Attributes:
        predict: bool[m, n] -> float64[m, t].
        sets: Of each target the sets of two groups and more with their index, largest first.
        reported: Of each target the sets that it stands by.
        seconds: Of processor time, fine-tunes not counted.
        decoded: Our result, where there is one.
    """

    predict: Callable[[Masks], Values]
    sets: list[list[tuple[tuple[int, ...], float]]]
    reported: list[dict[tuple[int, ...], float]]
    seconds: float
    decoded: Any = None


def run_method(
    name: str, study: Study, masks: Masks, seeds: NDArray[np.int64], peers: dict[str, Any]
) -> Attribution | None:
    """A method on a study, at the cost of these fine-tunes; None where it does not apply.

    Args:
        name: One of `names`.
        study: What is measured.
        masks: bool[budget, n], the masks for methods that learn from masks.
        seeds: int64[budget].
        peers: Other people's decoders by name.
    """
    if name == "leave-one-out":
        if study.stored is not None:
            return None
        return _leave_one_out(study, len(masks), int(seeds[0]))
    values = study.values(masks, seeds)
    started = time.process_time()
    if name in ("gradients", "random"):
        scores = study.gradients if name == "gradients" else None
        if name == "random":
            scores = np.random.default_rng(int(seeds[0])).normal(size=(study.n_groups, values.shape[1]))
        return None if scores is None else _scaled(scores, masks, values, time.process_time() - started)
    if name in peers:
        found = [_decoded_by(peers[name], masks, column) for column in values.T]
        sets = [
            _ranked(one.discrete_derivatives(lambda order: float(order == 0), max_order=3)) for one in found
        ]
        seconds = time.process_time() - started
        return Attribution(
            lambda m: np.column_stack([f.evaluate(m) for f in found]), sets, [{}] * len(found), seconds
        )
    decoded = decoder(name).decode(masks, values, design=MaskDistribution("bernoulli", study.n_groups, FAIR))
    listed: Any = decoded.interactions(max_order=3, fdr=0.1)
    seconds = time.process_time() - started
    together = [[one for one in each if one.order > 1] for each in listed]
    sets = [[(one.members, one.value) for one in each] for each in together]
    reported = [{one.members: one.value for one in each if one.reported} for each in together]
    return Attribution(decoded.evaluate, sets, reported, seconds, decoded)


def _decoded_by(peer: Any, masks: Masks, values: NDArray[np.float64]) -> FourierExpansion:
    """What a peer makes of the values; their mean where it fails, as it may on few masks."""
    try:
        found: FourierExpansion = peer(masks, values)
        return found
    except Exception:  # what a peer raises is its own affair
        return FourierExpansion(masks.shape[1], ((),), np.array([values.mean()]))


def names(peers: dict[str, Any]) -> tuple[str, ...]:
    """All methods, ours first."""
    return (*OURS, "lasso", "linear", "leave-one-out", "gradients", *peers, "random")


def _leave_one_out(study: Study, budget: int, seed: int) -> Attribution | None:
    """Everything, and everything but one group, as often as the budget allows with new seeds."""
    n = study.n_groups
    repeats = budget // (n + 1)
    if not repeats:
        return None
    masks = np.vstack([np.ones((1, n), np.bool_), ~np.eye(n, dtype=np.bool_)])
    rows = np.tile(masks, (repeats, 1))
    seeds = np.repeat(seed + 1000 + np.arange(repeats), n + 1)
    values = study.values(rows, seeds).reshape(repeats, n + 1, -1).mean(axis=0)
    drops = values[0] - values[1:]
    nothing: list[Any] = [[] for _ in range(values.shape[1])]
    return Attribution(lambda m: values[0] - (~m).astype(float) @ drops, nothing, [{} for _ in nothing], 0.0)


def _scaled(scores: Values, masks: Masks, values: Values, seconds: float) -> Attribution:
    """Scores of groups, put on the scale of the values by a line through those measured."""
    sums = masks @ scores
    lines = [np.polyfit(sums[:, column], values[:, column], 1) for column in range(values.shape[1])]

    def predict(rows: Masks) -> Values:
        return np.column_stack([np.polyval(line, rows @ scores[:, k]) for k, line in enumerate(lines)])

    nothing: list[Any] = [[] for _ in lines]
    return Attribution(predict, nothing, [{} for _ in lines], seconds)


def _ranked(found: Any) -> list[tuple[tuple[int, ...], float]]:
    together = [(members, float(value)) for members, value in found.items() if len(members) > 1]
    return sorted(together, key=lambda one: -abs(one[1]))
