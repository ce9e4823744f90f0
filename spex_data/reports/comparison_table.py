"""What changed between two results, for the terminal and for tables on pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from spex_data.reports.labels import decimals, inert, interval, share, shorten, signed

_STYLES = {"appeared": "green", "vanished": "red", "changed sign": "bold red"}
_NO_INTERVAL = ("newly listed", "no longer listed")


def comparison_table(document: Mapping[str, Any], *, width: int = 80) -> RenderableType:
    """What changed, a line an interaction, under what differs between the two runs.

    Args:
        document: Of `compare_documents`.
        width: Columns of the terminal; 80 and more are readable.
    """
    parts: list[RenderableType] = [Text(comparison_sentence(document), style="bold"), Text()]
    if document["differences"]:
        parts.append(Text("what differs between the runs", style="dim"))
        parts += [Text(f"  {inert(line)}") for line in document["differences"]]
    for side, words in (("only_before", "only before"), ("only_after", "only after")):
        for kind, names in document[side].items():
            if names:
                parts.append(Text(f"  {kind} {words}: {', '.join(shorten(name, 40) for name in names)}"))
    if document["not_comparable"]:
        names = ", ".join(shorten(name, 40) for name in document["not_comparable"])
        parts.append(Text(f"  not compared, measured in another unit: {names}"))
    for target in document["targets"]:
        if target["changes"]:
            parts += [
                Text(),
                Text(shorten(target["name"], 70), style="bold underline"),
                _changes(target, width),
            ]
    unlisted = any(
        one["status"] in _NO_INTERVAL for target in document["targets"] for one in target["changes"]
    )
    parts += [Text(), Text(_reading(unlisted), style="dim")]
    return Group(*parts)


def comparison_rows(document: Mapping[str, Any]) -> list[dict[str, str]]:
    """The changes as rows of words, as a table on a page takes them."""
    return [
        {
            "target": inert(target["name"]),
            "groups": " + ".join(inert(group) for group in one["groups"]),
            "change": one["status"],
            "before": _value(one["before"]),
            "after": _value(one["after"]),
            "difference": _value(one["difference"]),
        }
        for target in document["targets"]
        for one in target["changes"]
    ]


def comparison_sentence(document: Mapping[str, Any]) -> str:
    """How many interactions changed, and in what way."""
    counts: dict[str, int] = {}
    for target in document["targets"]:
        for one in target["changes"]:
            counts[one["status"]] = counts.get(one["status"], 0) + 1
    unchanged = sum(target["unchanged"] for target in document["targets"])
    targets = f"{len(document['targets'])} targets"
    if not counts:
        return f"nothing changed: {unchanged} interactions of {targets} are within their intervals"
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    return f"{told}; {unchanged} within their intervals ({targets})"


def _changes(target: Mapping[str, Any], width: int) -> RenderableType:
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False, padding=(0, 1, 0, 0)
    )
    table.add_column("", no_wrap=True, width=16)
    table.add_column("groups", min_width=18, max_width=max(18, width - 60), overflow="fold")
    table.add_column("before", justify="right", no_wrap=True, width=7)
    table.add_column("after", justify="right", no_wrap=True, width=7)
    table.add_column("difference", justify="right", width=24)
    scale = max(
        (abs(side["value"]) for one in target["changes"] if (side := one["after"] or one["before"])),
        default=1,
    )
    places = decimals(scale)
    for one in target["changes"]:
        table.add_row(
            Text(one["status"], style=_STYLES.get(one["status"], "")),
            Text(" x ".join(shorten(group, 40) for group in one["groups"])),
            *(Text(_number(one[side], places)) for side in ("before", "after")),
            Text(_value(one["difference"], places)),
        )
    judged = " -> ".join(share(r2) for r2 in target["r2"])
    note = f"{target['unchanged']} others within their intervals; held-out R2 {judged}"
    return Group(table, Text(note, style="dim"))


def _number(side: Mapping[str, Any] | None, places: int) -> str:
    return "-" if side is None else signed(side["value"], places)


def _value(side: Mapping[str, Any] | None, places: int | None = None) -> str:
    """A value with its interval."""
    if side is None:
        return "unknown"
    ci = None if side["ci"] is None else (side["ci"][0], side["ci"][1])
    return f"{signed(side['value'], places)} {interval(ci, places)}".strip()


def _reading(unlisted: bool) -> str:
    words = (
        "A change is one whose difference has an interval without 0; the interval takes the two runs as "
        "independent, so of runs that share masks it is too wide rather than too narrow."
    )
    if unlisted:
        words += (
            "\nnewly listed, no longer listed: the other side's value is unknown, so it may be no change."
        )
    return words
