"""Which part of what a run found is shown: of one target, of one order, of one kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spex_data.errors import ConfigError
from spex_data.spectra import PAIR_KINDS

KINDS = (*PAIR_KINDS, "helps", "hurts")
"""Kinds of pairs, and of single groups by their sign."""


def selected(
    document: Mapping[str, Any],
    *,
    target: str | None = None,
    order: int | None = None,
    kind: str | None = None,
) -> dict[str, Any]:
    """The part of a document of interactions that filters leave, without targets that have no such effect.

    Args:
        document: Of interactions.json.
        target: Name of the target.
        order: Number of groups of an effect.
        kind: One of `KINDS`.

    Raises:
        ConfigError: There is no such target, order or kind; names those that there are.
    """
    names = [str(one["name"]) for one in document["targets"]]
    orders = sorted({int(each["order"]) for one in document["targets"] for each in one["interactions"]})
    _require("--target", target, names)
    _require("--order", order, orders)
    _require("--kind", kind, KINDS)
    chosen = [one for one in document["targets"] if target in (None, one["name"])]
    if order is None and kind is None:
        return {**document, "targets": chosen}
    kept = [
        {**one, "interactions": [each for each in one["interactions"] if _fits(each, order, kind)]}
        for one in chosen
    ]
    return {**document, "targets": [one for one in kept if one["interactions"]]}


def filter_words(*, order: int | None, kind: str | None) -> str:
    """What is shown, in words; empty without such a filter."""
    words = [f"order {order}"] if order is not None else []
    words += [f"kind {kind}"] if kind is not None else []
    return " and ".join(words)


def _fits(effect: Mapping[str, Any], order: int | None, kind: str | None) -> bool:
    if effect["order"] == 1:
        value = effect["value"] or 0.0
        found = "helps" if value > 0 else "hurts" if value < 0 else None
    else:
        found = effect["kind"]
    return order in (None, effect["order"]) and kind in (None, found)


def _require(option: str, given: object, known: Any) -> None:
    if given is not None and given not in known:
        there = ", ".join(map(str, known)) or "nothing, for nothing was found"
        raise ConfigError(f"is {given!r}", where=option, instead=f"write one of {there}")
