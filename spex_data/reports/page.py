"""What the page of a study says: chooses what to show and puts it into words, without any markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spex_data.reports.labels import decimals, inert, interval, listed, share, shorten, signed
from spex_data.reports.page_parts import GroupName, GroupPart, Page, Row, TargetPart
from spex_data.reports.results import Effect, Results, TargetResult, read_results
from spex_data.reports.words import KIND_MEANINGS, Belief, belief, kind_word, overall, summary, verification

MOST_TARGETS = 200
"""Targets on the page; interactions.json holds all."""
MOST_INTERACTIONS, MOST_ALONE = 20, 24
SHOWN_TEXTS, MOST_TEXTS, TEXT_LENGTH = 3, 20, 400
NAME_CELLS = 48
MINUS = "\u2212"


def compose_page(
    document: Mapping[str, Any],
    *,
    judged: Mapping[str, Any] | None = None,
    group_texts: Sequence[Sequence[str]] | None = None,
) -> Page:
    """Chooses what the page shows and puts it into words.

    Args:
        document: Of interactions.json.
        judged: Of faithfulness.json; None if nothing was held out.
        group_texts: Of each group its examples' texts or ids; None to show none.

    Raises:
        StoreError: The document is none.
    """
    results = read_results(document)
    said = {entry["name"]: entry for entry in (judged or {}).get("targets", ())}
    shown = _with_most_to_say(results)
    return Page(
        study=inert(results.study),
        verdict=overall(results),
        facts=_facts(results),
        targets=tuple(
            _target_part(number, results, said.get(results.targets[number].name)) for number in shown
        ),
        hidden_targets=len(results.targets) - len(shown),
        groups=tuple(
            _group_part(number, name, group_texts[number] if group_texts else None)
            for number, name in enumerate(results.groups)
        ),
        has_texts=bool(group_texts),
        kinds=KIND_MEANINGS,
        retrained=results.retraining is not None,
        words=results.words,
    )


def _with_most_to_say(results: Results) -> list[int]:
    """The targets with the largest interactions, in the document's order."""
    sizes = [abs(one.interactions[0].value) if one.interactions else 0.0 for one in results.targets]
    largest = sorted(range(len(sizes)), key=lambda number: -sizes[number])
    return sorted(largest[:MOST_TARGETS])


def _facts(results: Results) -> tuple[tuple[str, str], ...]:
    masks = sorted({one.n_masks for one in results.targets if one.n_masks is not None})
    counted = [
        (str(len(results.groups)), results.words.these),
        (str(len(results.targets)), "target" if len(results.targets) == 1 else "targets"),
    ]
    if masks:
        span = str(masks[0]) if len(masks) == 1 else f"{masks[0]} to {masks[-1]}"
        counted.append((span, f"masks: {results.words.masks}"))
    return tuple(counted)


def _target_part(number: int, results: Results, said: Mapping[str, Any] | None) -> TargetPart:
    result = results.targets[number]
    together, alone = result.interactions[:MOST_INTERACTIONS], result.mains[:MOST_ALONE]
    reach = _reach((*together, *alone))
    believed = belief(result.r2, result.noise_ceiling)
    return TargetPart(
        number=number,
        name=inert(result.name) or f"target {number}",
        sentence=typeset(summary(result, study_scale=results.scale)),
        belief=Belief(believed.level, believed.mark, believed.word, typeset(believed.sentence)),
        r2=_percent(result.r2),
        ceiling=_percent(result.noise_ceiling),
        scores=_scores(result),
        judged=_judged_by(result, said),
        verification=verification(result),
        method=f"{result.method}, {result.n_masks} masks" if result.n_masks is not None else result.method,
        together=tuple(_row(effect, rank, reach) for rank, effect in enumerate(together, start=1)),
        alone=tuple(_row(effect, None, reach) for effect in alone),
        hidden=len(result.interactions) - len(together),
        hidden_alone=len(result.mains) - len(alone),
        largest="; ".join(_told(effect) for effect in together[:3]) or "no interaction",
    )


def _row(effect: Effect, rank: int | None, reach: float) -> Row:
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


def _reach(effects: Sequence[Effect]) -> float:
    """The number at either end of a target's scale."""
    ends = [abs(end) for effect in effects for end in (effect.value, *(effect.ci or ()))]
    return max(ends, default=0.0) or 1.0


def _place(value: float, reach: float) -> float:
    return round(50 + 50 * value / reach, 2)


def _percent(score: float | None) -> float | None:
    return None if score is None else round(100 * min(max(score, 0.0), 1.0), 1)


def _scores(result: TargetResult) -> str:
    if result.r2 is None:
        return "R² unknown"
    ceiling = "ceiling unknown" if result.noise_ceiling is None else f"of {share(result.noise_ceiling)}"
    return f"R² {share(result.r2, minus=MINUS)} {ceiling}"


def _judged_by(result: TargetResult, said: Mapping[str, Any] | None) -> str:
    """Held-out masks, seeds and the rank correlation, as far as they are known."""
    parts = []
    if said and said.get("n_masks"):
        seeds = None if result.words.exact else said.get("n_seeds")
        of_seeds = "" if seeds is None else f", the mean over {seeds:g} seed{'s' * (seeds != 1)} each"
        parts.append(f"{said['n_masks']} held-out masks{of_seeds}")
    r2_ci = (said or {}).get("r2_ci")
    if r2_ci is not None:
        low, high = (share(end, minus=MINUS) for end in r2_ci)
        parts.append(f"R² between {low} and {high}")
    if result.spearman is not None:
        highest = (said or {}).get("rank_ceiling")
        of = "" if highest is None else f" of at most {share(highest)}"
        parts.append(f"rank correlation {share(result.spearman, minus=MINUS)}{of}")
    ci = (said or {}).get("noise_ceiling", {}).get("ci")
    if ci is not None:
        parts.append(f"noise ceiling between {share(ci[0])} and {share(ci[1])}")
    if (said or {}).get("why_more"):
        parts.append((said or {})["why_more"])
    told = "; ".join(parts)
    return told[:1].upper() + told[1:]


def _told(effect: Effect) -> str:
    names = listed([shorten(name, NAME_CELLS) for name in effect.groups])
    return f"{names}, {signed(effect.value, minus=MINUS)}, {kind_word(effect)}"


def _group_part(number: int, name: str, texts: Sequence[str] | None) -> GroupPart:
    shown = [_excerpt(text) for text in (texts or ())[:MOST_TEXTS]]
    return GroupPart(
        number=number,
        name=name,
        size=None if texts is None else len(texts),
        texts=tuple(shown[:SHOWN_TEXTS]),
        more=tuple(shown[SHOWN_TEXTS:]),
        left_out=len(texts or ()) - len(shown),
    )


def _excerpt(text: str) -> str:
    """The start of a text on its own lines, without what a page cannot hold."""
    kept = text if len(text) <= TEXT_LENGTH else text[:TEXT_LENGTH].rstrip() + "…"
    return "\n".join(inert(line) for line in kept.splitlines())


def typeset(sentence: str) -> str:
    """A sentence with R² and minus signs as they are set."""
    return sentence.replace("R2", "R²").replace("(-", f"({MINUS}")
