"""Verdicts of retraining, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from spex_data.reports.labels import inert, interval, shorten, signed

_JUSTIFY: tuple[Literal["left", "right"], ...] = ("left", "right", "right", "right", "left")
_STYLES = {"confirmed": "green", "refuted": "red", "uncertain": "yellow"}


def verdicts_table(document: Mapping[str, Any], *, width: int = 80) -> RenderableType:
    """Predicted beside observed, and the verdict, a line or two a test.

    Args:
        document: Of verification.json.
        width: Columns of the terminal.
    """
    parts: list[RenderableType] = []
    tests = document["tests"]
    if tests:
        names = " x ".join(inert(group) for group in tests[0]["groups"])
        parts.append(Text(names, style="bold"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
    for name, justify in zip(("target", "predicted", "observed", "full", "verdict"), _JUSTIFY, strict=True):
        table.add_column(name, no_wrap=name != "verdict", justify=justify)
    for test in tests:
        table.add_row(
            Text(shorten(test["target"], max(width - 60, 12))),
            _with_interval(test["predicted"], test["predicted_ci"]),
            _with_interval(test["observed"], test["ci"]),
            Text(f"{signed(test['full']['predicted'])}\n{_observed(test['full']['observed'])}"),
            _verdict(test),
        )
    parts += [table, *(_left(test) for test in tests if test["without"])]
    parts.append(Text(_reading(document), style="dim"))
    return Group(*parts)


def _with_interval(value: float | None, ci: list[float] | None) -> Text:
    text = Text(_observed(value), style="bold")
    return text.append(f"\n{interval((ci[0], ci[1]))}", style="not bold dim") if ci else text


def _observed(value: float | None) -> str:
    return "-" if value is None else signed(value)


def _verdict(test: Mapping[str, Any]) -> Text:
    text = Text(test["verdict"], style=f"bold {_STYLES[test['verdict']]}")
    why = test["why"] + ("; its sign depends on the scale" if test["scale_dependent"] else "")
    filtered = test["filtered"]["observed"]
    if filtered is not None:
        why += f"; filtered schedule, full set: {signed(filtered)}"
    return text.append(f"\n{why}", style="not bold dim")


def _left(test: Mapping[str, Any]) -> Text:
    """What is left of a target where everything is trained on but some of the groups."""
    text = Text(f"{inert(test['target'])}: with everything {_observed(test['without'][0]['value'])}")
    for corner in test["without"][1:]:
        names = " and ".join(inert(group) for group in corner["groups"])
        text.append(f"; without {names} {_observed(corner['value'])}")
        if corner["change_ci"]:
            told = interval((corner["change_ci"][0], corner["change_ci"][1]))
            text.append(f" (by {_observed(corner['change'])} {told} over {corner['seeds']} seeds)")
    return text


def _reading(document: Mapping[str, Any]) -> str:
    return (
        "mean effect beyond the parts over the study's masks, predicted and retrained on "
        f"{document['backgrounds']} backgrounds; full: with all other groups present, predicted "
        "above retrained\n"
        f"intervals: the decoder's, and at a false discovery rate of {document['level']:g} after "
        f"retraining; within {document['margin']:g} of the prediction counts as nothing; "
        f"{document['fine_tunes']} fine-tunes beside the study's {document['study_fine_tunes']}"
    )
