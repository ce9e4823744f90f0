"""What the page of a study says: chooses what to show and puts it into words, without any markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spex_data.reports.effect_rows import MINUS, NAME_CELLS, effect_row, reach_of, typeset
from spex_data.reports.labels import inert, listed, share, shares, shorten, signed
from spex_data.reports.page_parts import GroupPart, Page, TargetPart
from spex_data.reports.power import power, power_words
from spex_data.reports.results import Effect, Results, TargetResult, read_results
from spex_data.reports.summaries import summary
from spex_data.reports.words import (
    KIND_MEANINGS,
    Belief,
    all_refuted,
    believed,
    controls,
    kind_word,
    retrained_words,
    unit_sentence,
    unit_words,
    verdict,
    verification,
)

MOST_TARGETS = 200
"""Targets on the page; interactions.json holds all."""
MOST_INTERACTIONS = 20
MOST_ALONE, FEW_ALONE = 24, 12
"""Single groups of a target on a page of up to `MOST_WHOLE` targets, and of more."""
MOST_WHOLE = 24
"""Targets of a page that stands open; of more, each is packed until it is opened."""
SHOWN_TEXTS, MOST_TEXTS, TEXT_LENGTH = 3, 20, 400


def compose_page(
    document: Mapping[str, Any] | Results,
    *,
    judged: Mapping[str, Any] | None = None,
    group_texts: Sequence[Sequence[str]] | None = None,
    units: Sequence[str] | None = None,
    p: float = 0.5,
) -> Page:
    """Chooses what the page shows and puts it into words.

    Args:
        document: Of interactions.json.
        judged: Of faithfulness.json; None if nothing was held out.
        group_texts: Of each group its examples' texts or ids; None to show none.
        units: Of each target what its values are in, such as "log-odds".
        p: Share of masks that a group is in.

    Raises:
        StoreError: The document is none.
    """
    results = read_results(document)
    units = units or ["value"] * len(results.targets)
    said = {entry["name"]: entry for entry in (judged or {}).get("targets", ())}
    shown = _with_most_to_say(results)
    return Page(
        study=inert(results.study),
        verdict=verdict(results),
        check=controls(results),
        unit=unit_sentence(units),
        facts=_facts(results),
        targets=tuple(
            _target_part(number, results, said.get(results.targets[number].name), units[number], p)
            for number in shown
        ),
        refuted=all_refuted(results),
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


def _target_part(
    number: int, results: Results, said: Mapping[str, Any] | None, unit: str, p: float
) -> TargetPart:
    result = results.targets[number]
    singles = MOST_ALONE if len(results.targets) <= MOST_WHOLE else FEW_ALONE
    together, alone = result.interactions[:MOST_INTERACTIONS], result.mains[:singles]
    judged = believed(result)
    return TargetPart(
        number=number,
        name=inert(result.name) or f"target {number}",
        sentence=typeset(summary(result, study_scale=results.scale)),
        belief=Belief(judged.level, judged.mark, judged.word, typeset(judged.sentence)),
        r2=_percent(result.r2),
        ceiling=_percent(result.noise_ceiling),
        scores=_scores(result),
        judged=_judged_by(result, said),
        verification=verification(result),
        retrained=retrained_words(result),
        method=f"{result.method}, {result.n_masks} masks" if result.n_masks is not None else result.method,
        together=tuple(
            effect_row(effect, rank, reach_of(together)) for rank, effect in enumerate(together, start=1)
        ),
        alone=tuple(effect_row(effect, None, reach_of(alone)) for effect in alone),
        hidden=len(result.interactions) - len(together),
        hidden_alone=len(result.mains) - len(alone),
        power=_power(result, said, len(results.groups), unit, p),
        largest="; ".join(_told(effect) for effect in together[:3]) or "no interaction",
    )


def _power(result: TargetResult, said: Mapping[str, Any] | None, n_groups: int, unit: str, p: float) -> str:
    """What would have been found where nothing was; empty where something was."""
    if n_groups < 2 or any(one.reported is not False for one in result.interactions):
        return ""
    return power_words(power(result, said, n_groups=n_groups, p=p), unit_words(unit))


def _percent(score: float | None) -> float | None:
    return None if score is None else round(100 * min(max(score, 0.0), 1.0), 1)


def _scores(result: TargetResult) -> str:
    if result.r2 is None:
        return "R² unknown"
    if result.noise_ceiling is None:
        return f"R² {share(result.r2, minus=MINUS)}, ceiling unknown"
    reached, highest = shares(result.r2, result.noise_ceiling, minus=MINUS)
    return f"R² {reached} of {highest}"


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
