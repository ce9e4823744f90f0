"""What was found of a target, in a sentence that claims no more than the numbers do."""

from __future__ import annotations

from collections.abc import Sequence

from spex_data.reports.labels import listed, shorten, signed
from spex_data.reports.results import Effect, TargetResult
from spex_data.reports.words import KIND_MEANINGS, SMALL, all_tested_refuted, belief

NOTABLE = 0.25
"""Share of a target's largest effect that an interaction needs to be named in the target's sentence."""
MOST_PAIRS = 4
NAME_CELLS = 40
CONFIRMED, REFUTED = "confirmed", "refuted"


def summary(result: TargetResult, *, study_scale: float = 0.0) -> str:
    """What was found of a target, in a sentence.

    It names interactions that retraining confirmed, and those of at least a quarter of the target's largest
    effect whose interval, where there is one, does not hold 0, that were told from chance where that was
    tested, and that retraining did not refute; where it refuted all that it tested, it says that first.

    Args:
        result: The target.
        study_scale: Size of the largest effect on any target of the study, in the same unit; 0 if unknown.
    """
    level = belief(result.r2, result.noise_ceiling).level
    if level == "no":
        return "Nothing to conclude: what was decoded does not predict held-out masks."
    if not result.effects:
        return f"No effect was found{_among(result)}."
    if result.scale < SMALL * study_scale:
        largest, largest_of_all = signed(result.scale)[1:], signed(study_scale)[1:]
        return (
            f"Nothing of note: the largest effect is {largest}, beside {largest_of_all} in the whole study."
        )
    notable = [one for one in result.interactions if is_notable(one, result)]
    if not notable:
        told = _refuted(result) or _alone(result)
    elif all_tested_refuted(result):
        told = f"{_refuted(result)}; not retrained: {_together(notable, result)}"
    else:
        told = _together(notable, result) + _besides_refuted(result)
    hedge = {"weak": "Weak evidence: ", "unknown": "Not judged: "}.get(level, "")
    return f"{hedge}{told[0].lower() + told[1:] if hedge and told.startswith('No ') else told}."


def _among(result: TargetResult) -> str:
    return "" if result.n_masks is None else f" in {result.n_masks} masks"


def is_notable(effect: Effect, result: TargetResult) -> bool:
    """Whether a sentence may name it.

    It was confirmed by retraining; or it is of some size, its interval off 0, told from chance, not refuted.
    """
    if effect.verified == CONFIRMED:
        return True
    by_chance = effect.order > 1 and effect.reported is False
    return abs(effect.value) >= NOTABLE * result.scale > 0 and not (
        effect.spans_zero or by_chance or effect.verified == REFUTED
    )


def _refuted(result: TargetResult) -> str:
    """What did not hold up; empty if nothing was refuted."""
    refuted = [one for one in result.interactions if one.verified == REFUTED]
    if not refuted:
        return ""
    named = listed([f"{_names(one, ' + ')} ({signed(one.value)})" for one in refuted[:2]])
    more = f", and {len(refuted) - 2} more" if len(refuted) > 2 else ""
    verb = "was" if len(refuted) == 1 else "were"
    return f"What was found did not hold up: {named}{more} {verb} refuted by retraining"


def _besides_refuted(result: TargetResult) -> str:
    refuted = sum(one.verified == REFUTED for one in result.interactions)
    if not refuted:
        return ""
    others = "one other was" if refuted == 1 else f"{refuted} others were"
    return f"; {others} refuted by retraining"


def _alone(result: TargetResult) -> str:
    mains = [one for one in result.mains if is_notable(one, result)]
    if not mains:
        return f"No interaction stands out{_among(result)}"
    named = listed([f"{_name(one, 0)} ({signed(one.value)})" for one in mains[:3]])
    more = f", besides {len(mains) - 3} more" if len(mains) > 3 else ""
    verb = "matters" if len(mains) == 1 else "matter"
    return f"No interaction stands out; of single {result.words.many} {named} {verb} most{more}"


def _together(notable: Sequence[Effect], result: TargetResult) -> str:
    pairs = [one for one in notable if one.order == 2][:MOST_PAIRS]
    larger = [one for one in notable if one.order > 2][:1]
    by_kind: dict[str | None, list[Effect]] = {}
    for pair in pairs:
        by_kind.setdefault(pair.kind if pair.kind in KIND_MEANINGS else None, []).append(pair)
    clauses = [_pairs(kind, members, result) for kind, members in by_kind.items()]
    clauses += [_set(one, also=bool(clauses)) for one in larger]
    more = len(notable) - len(pairs) - len(larger)
    if more:
        clauses.append(f"{more} more interaction{'s' if more > 1 else ''} of such size")
    return "; ".join(clauses)


def _pairs(kind: str | None, pairs: Sequence[Effect], result: TargetResult) -> str:
    if kind == "antidote":
        return listed([_antidote(pair, result) for pair in pairs])
    if kind is None:
        return listed([f"{_names(pair)} act together ({signed(pair.value)})" for pair in pairs])
    words = {
        "redundant": "are redundant",
        "complementary": "are complementary",
        "interference": "interfere",
        "redundant-harm": "do the same harm",
    }[kind]
    if len(pairs) > 1:
        each = [f"{_names(pair, ' + ')} ({signed(pair.value)})" for pair in pairs]
        return f"{listed(each)} {words}"
    size = signed(abs(pairs[0].value))[1:]
    told = f"add {size} {'more' if pairs[0].value > 0 else 'less'} than apart"
    if kind == "redundant-harm":
        told = f"cost {size} less than apart"
    return f"{_names(pairs[0])} {words}: together they {told}"


def _antidote(pair: Effect, result: TargetResult) -> str:
    """Names the one that harms where the main effects tell them apart.

    Alone effects differ by exactly what main effects differ by, whatever the share of masks with each group.
    """
    mains = [result.main(member) for member in pair.members]
    if mains[0] is None or mains[1] is None or abs(mains[0].value - mains[1].value) < abs(pair.value) / 4:
        return f"{_names(pair)} undo each other's harm ({signed(pair.value)})"
    harm, cure = (0, 1) if mains[0].value < mains[1].value else (1, 0)
    return f"{_name(pair, cure)} undoes the harm of {_name(pair, harm)} ({signed(pair.value)})"


def _set(effect: Effect, *, also: bool) -> str:
    return (
        f"{_names(effect)} {'also ' if also else ''}act as a set of {effect.order} ({signed(effect.value)})"
    )


def _name(effect: Effect, place: int) -> str:
    return shorten(effect.groups[place], NAME_CELLS)


def _names(effect: Effect, joint: str | None = None) -> str:
    names = [_name(effect, place) for place in range(effect.order)]
    return listed(names) if joint is None else joint.join(names)
