"""What was found, and whether to believe it, in sentences that claim no more than the numbers do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from spex_data.reports.labels import listed, share, shorten, signed
from spex_data.reports.results import NOT_TESTED, Effect, Results, TargetResult

NOTABLE = 0.25
"""Share of a target's largest effect that an interaction needs to be named in the target's sentence."""
SMALL = 0.05
"""Share of the study's largest effect below which a target counts as one that nothing acts on."""
MOST_PAIRS = 4
NAME_CELLS = 40

Level = Literal["yes", "partly", "weak", "no", "unknown"]

KIND_MEANINGS: Mapping[str, str] = {
    "redundant": "either will do",
    "complementary": "worth more together than apart",
    "antidote": "one undoes the other's harm",
    "interference": "worth less together than apart",
    "redundant-harm": "both do the same harm, once",
}
OUTPUT_UNITS: Mapping[str, str] = {
    "log-odds": "log-odds of the answer",
    "min-token-log-odds": "log-odds of the answer's worst token",
    "contrast": "log p(answer) - log p(foil)",
    "log-prob": "log-probability of the answer",
    "loss": "minus the loss on the answer",
    "probability": "probability of the answer",
    "accuracy": "accuracy",
}
_MARKS: Mapping[Level, tuple[str, str]] = {
    "yes": ("✓", "believable"),
    "partly": ("~", "partly believable"),
    "weak": ("!", "weak evidence"),
    "no": ("✗", "not believable"),
    "unknown": ("?", "not judged"),
}


@dataclass(frozen=True)
class Belief:
    """Whether to believe what was found of a target.

    Attributes:
        level: yes, partly, weak, no or unknown.
        mark: One character.
        word: The level in a word or two.
        sentence: Why.
    """

    level: Level
    mark: str
    word: str
    sentence: str


def belief(r2: float | None, noise_ceiling: float | None) -> Belief:
    """Whether to believe an expansion, by its R2 on held-out masks as a share of what seed noise allows.

    At least 0.9 of the noise ceiling is believable, at least 0.5 partly, anything above 0 is weak evidence.
    Where the ceiling is unknown it is taken to be 1, which is the cautious side.

    Args:
        r2: On held-out masks; None if nothing was held out.
        noise_ceiling: The largest R2 that seed noise allows; None if every mask has one seed.
    """
    if r2 is None:
        return _belief("unknown", "no held-out masks to judge it by, so R2 is unknown")
    if r2 < 0:
        return _belief(
            "no", f"R2 is negative ({share(r2)}): on held-out masks it predicts worse than their mean does"
        )
    if noise_ceiling is not None and noise_ceiling <= 0:
        return _belief(
            "no", f"R2 {share(r2)}, but the values vary with the training seed alone (noise ceiling 0)"
        )
    reached = r2 / min(noise_ceiling or 1.0, 1.0)
    level: Level = "yes" if reached >= 0.9 else "partly" if reached >= 0.5 else "weak" if r2 > 0 else "no"
    if noise_ceiling is None:
        return _belief(level, f"R2 {share(r2)} on held-out masks; noise ceiling unknown")
    if noise_ceiling >= 1.0:
        return _belief(level, f"R2 {share(r2)} on held-out masks, of 1: no seed noise")
    if r2 >= noise_ceiling:
        told = "as well as seed noise allows"
    else:
        told = f"{min(reached, 0.99):.0%} of what seed noise allows"
    noisy = "; the values are mostly seed noise" if noise_ceiling < 0.5 else ""
    return _belief(level, f"R2 {share(r2)} on held-out masks, {told} (ceiling {share(noise_ceiling)}){noisy}")


def summary(result: TargetResult, *, study_scale: float = 0.0) -> str:
    """What was found of a target, in a sentence.

    It names interactions of at least a quarter of the target's largest effect whose interval, where there is
    one, does not hold 0, and that were told from chance where that was tested.

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
    notable = [one for one in result.interactions if _is_notable(one, result)]
    told = _together(notable, result) if notable else _alone(result)
    hedge = {"weak": "Weak evidence: ", "unknown": "Not judged: "}.get(level, "")
    return f"{hedge}{told[0].lower() + told[1:] if hedge and told.startswith('No ') else told}."


def verification(result: TargetResult) -> str:
    """How many of a target's interactions were retrained, and what came of it."""
    outcomes = Counter(one.verified for one in result.interactions)
    if result.words.exact:
        return "values are exact, and checked on the held-out masks"
    if set(outcomes) <= {NOT_TESTED}:
        return "not tested by retraining"
    return "retrained: " + ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))


def retraining(results: Results) -> str:
    """What came of retraining the largest interactions, in a sentence; empty if none was tried."""
    said = results.retraining
    if said is None:
        return ""
    claims = said["counts"]["claim"]
    tested = claims["tested"]
    if not tested:
        return f"No interaction was retrained: {said['note'] or 'none was found'}."
    if claims["refuted"] == tested:
        those = "the one interaction that was retrained is" if tested == 1 else f"all {tested} retrained are"
        return f"None of it held up: {those} refuted."
    parts = [f"{claims['confirmed']} confirmed", f"{claims['refuted']} refuted"]
    parts += [f"{claims['uncertain']} uncertain"] if claims["uncertain"] else []
    return f"Of {tested} interaction{'s' * (tested != 1)} retrained, {listed(parts)}."


def controls(results: Results) -> str:
    """How the sets fared that should do nothing, in a sentence; empty if none was retrained."""
    said, parts = results.retraining, []
    for role, words in (("null", "predicted to do nothing"), ("phantom", "with a phantom group")):
        one = said["counts"][role] if said else {"tested": 0}
        if said and one["tested"]:
            chance = said["level"] * one["tested"]
            parts.append(
                f"{one['confirmed']} of {one['tested']} sets {words} were found to act"
                f" ({one['p_below_level']} at p < {said['level']:g} by themselves, {chance:.1f} by chance)"
            )
    return f"As a check, {listed(parts)}." if parts else ""


def overall(results: Results) -> str:
    """What came of retraining, how many targets can be believed, and how the check was checked."""
    return " ".join(part for part in (retraining(results), _believed(results), controls(results)) if part)


def _believed(results: Results) -> str:
    """How many targets can be believed, in a sentence."""
    levels = Counter(belief(one.r2, one.noise_ceiling).level for one in results.targets)
    total = len(results.targets)
    if levels["unknown"] == total:
        return "Nothing was held out, so none of this has been judged."
    parts = [f"{levels['yes']} of {total} target{'s' if total != 1 else ''} can be believed"]
    if levels["partly"]:
        parts.append(f"{levels['partly']} in part")
    doubtful = levels["weak"] + levels["no"]
    if doubtful:
        parts.append(f"{doubtful} cannot")
    if levels["unknown"]:
        parts.append(f"{levels['unknown']} not judged")
    return ", ".join(parts) + "."


def kind_word(effect: Effect) -> str:
    """The kind of a pair, or what stands for it at other orders."""
    if effect.order == 1:
        return "helps" if effect.value > 0 else "hurts" if effect.value < 0 else "nothing"
    if effect.order == 2:
        return effect.kind or "kind unknown"
    return f"order {effect.order}"


def unit_words(unit: str) -> str:
    """What a value is measured in: an output's name such as "log-odds" in words, any other text as it is."""
    return OUTPUT_UNITS.get(unit, unit)


def _belief(level: Level, sentence: str) -> Belief:
    mark, word = _MARKS[level]
    return Belief(level, mark, word, sentence)


def _among(result: TargetResult) -> str:
    return "" if result.n_masks is None else f" in {result.n_masks} masks"


def _is_notable(effect: Effect, result: TargetResult) -> bool:
    spans_zero = effect.ci is not None and effect.ci[0] <= 0 <= effect.ci[1]
    by_chance = effect.order > 1 and effect.reported is False
    return abs(effect.value) >= NOTABLE * result.scale > 0 and not spans_zero and not by_chance


def _alone(result: TargetResult) -> str:
    mains = [one for one in result.mains if _is_notable(one, result)]
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
