"""What the page's scripts draw and compute from: numbers as JSON, and parts packed until looked at."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import ArrayLike

from spex_data.reports.labels import inert
from spex_data.reports.results import Effect, TargetResult
from spex_data.reports.what_if import WhatIf, script_data
from spex_data.reports.words import kind_word, unit_words

MOST_SETS, MOST_BESIDE = 20, 6
"""Interactions that a graph can be made to show, and groups beside those that have a part in them."""


@dataclass(frozen=True)
class Heldout:
    """A target's held-out masks.

    Attributes:
        actual: float[h], means over seeds, in the target's unit.
        predicted: float[h], what the expansion says of them.
        unit: What both are, such as "log-odds".
    """

    actual: ArrayLike
    predicted: ArrayLike
    unit: str = "value"


def heldout_data(one: Heldout) -> dict[str, Any] | None:
    """What the picture of held-out masks is drawn from; None where fewer than two are known."""
    actual, predicted = (np.asarray(side, dtype=np.float64) for side in (one.actual, one.predicted))
    known = np.isfinite(actual) & np.isfinite(predicted)
    if known.sum() < 2:
        return None
    return {
        "actual": [_short(value) for value in actual[known]],
        "predicted": [_short(value) for value in predicted[known]],
        "unit": unit_words(one.unit),
    }


def graph_data(result: TargetResult) -> dict[str, Any] | None:
    """What a target's graph is drawn from; None if nothing acts on it."""
    if not result.effects:
        return None
    sets = result.interactions[:MOST_SETS]
    members = {member for effect in sets for member in effect.members}
    beside = [effect for effect in result.mains if effect.members[0] not in members][:MOST_BESIDE]
    alone = [effect for effect in result.mains if effect.members[0] in members] + beside
    exact = result.words.exact
    return {
        "sets": [_set(effect, exact) for effect in sets],
        "alone": [_set(effect, exact) for effect in alone],
    }


def target_script(
    graph: dict[str, Any] | None, heldout: dict[str, Any] | None, what_if: WhatIf | None
) -> Markup:
    """A target's data as the text of a script element."""
    kept = None if what_if is None else script_data(what_if)
    return as_script({"graph": graph, "heldout": heldout, "what_if": kept})


def names_script(names: Sequence[str]) -> Markup:
    """The groups' names as the text of a script element."""
    return as_script([inert(name) for name in names])


def as_script(value: Any) -> Markup:
    """JSON that ends no script element, whatever its texts say."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def packed(html: str) -> str:
    """A part of the page, deflated, in base 64: tables of 200 targets would be a page of megabytes."""
    return base64.b64encode(zlib.compress(html.encode("utf-8", "replace"), 9)).decode()


def _set(effect: Effect, exact: bool) -> dict[str, Any]:
    low, high = effect.ci or (None, None)
    return {
        "members": list(effect.members),
        "value": _short(effect.value),
        "low": None if low is None else _short(low),
        "high": None if high is None else _short(high),
        "kind": kind_word(effect),
        "reported": effect.reported,
        "verified": None if exact else effect.verified,
    }


def _short(value: float) -> float:
    return float(f"{value:.5g}")
