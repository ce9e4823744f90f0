"""An effect as a row of the page's tables: words, and places on the row's scale."""

from __future__ import annotations

from collections.abc import Sequence

from spex_data.reports.labels import decimals, interval, shorten, signed
from spex_data.reports.page_parts import GroupName, Row
from spex_data.reports.results import NOT_TESTED, Effect
from spex_data.reports.words import kind_word

NAME_CELLS = 48
MINUS = "\u2212"


def effect_row(effect: Effect, rank: int | None, reach: float) -> Row:
    """The row of an effect.

    Args:
        effect: Of one group or more.
        rank: Place among the interactions; None for a single group.
        reach: The number at either end of the row's scale.
    """
    low, high = effect.ci or (None, None)
    places = decimals(reach)
    return Row(
        rank=rank,
        groups=tuple(
            GroupName(member, shorten(name, NAME_CELLS), name)
            for member, name in zip(effect.members, effect.groups, strict=True)
        ),
        kind=kind_word(effect),
        sign="plus" if effect.value > 0 else "minus" if effect.value < 0 else "zero",
        sure=low is not None and high is not None and (low > 0 or high < 0),
        reported=bool(effect.reported) and effect.order > 1,
        chance=effect.order > 1 and effect.reported is False and effect.verified == NOT_TESTED,
        value=signed(effect.value, places, minus=MINUS),
        interval=interval(effect.ci, places, minus=MINUS) or "unknown",
        moebius=signed(effect.moebius, places, minus=MINUS),
        full=signed(effect.full, places, minus=MINUS),
        at=_place(effect.value, reach),
        low=None if low is None else _place(low, reach),
        high=None if high is None else _place(high, reach),
        verified=effect.verified,
        observed=_observed(effect, places),
    )


def _observed(effect: Effect, places: int) -> str:
    """What retraining gave, with its interval and what it says of the scale; empty if there was none."""
    if effect.observed is None:
        return ""
    ci = interval(effect.observed_ci, places, minus=MINUS)
    scale = "; depends on the scale" if effect.scale_dependent else ""
    return f"{signed(effect.observed, places, minus=MINUS)} {ci}".rstrip() + scale


def reach_of(effects: Sequence[Effect]) -> float:
    """The number at either end of a target's scale."""
    ends = [abs(end) for effect in effects for end in (effect.value, *(effect.ci or ()))]
    return max(ends, default=0.0) or 1.0


def _place(value: float, reach: float) -> float:
    return round(50 + 50 * value / reach, 2)


def typeset(sentence: str) -> str:
    """A sentence with R² and minus signs as they are set."""
    return sentence.replace("R2", "R²").replace("(-", f"({MINUS}")
