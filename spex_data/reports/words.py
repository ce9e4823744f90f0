"""What was found, and whether to believe it, in sentences that claim no more than the numbers do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from spex_data.reports.labels import listed, share, shares
from spex_data.reports.results import NOT_TESTED, Effect, Results, TargetResult

SIGN_OPEN = "sign open"
"""What is said of an interaction in place of its kind where its interval holds 0."""
SMALL = 0.05
"""Share of the study's largest effect below which a target counts as one that nothing acts on."""

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
    written, highest = shares(r2, noise_ceiling)
    return _belief(level, f"R2 {written} on held-out masks, {told} (ceiling {highest}){noisy}")


def believed(result: TargetResult) -> Belief:
    """Whether to believe what was found: by R2 on held-out masks, unless retraining refuted all it tested."""
    if all_tested_refuted(result):
        count = sum(one.verified == "refuted" for one in result.interactions)
        told = "the one interaction that was" if count == 1 else f"all {count} interactions that were"
        return Belief("no", "✗", "did not hold up", f"{told} retrained: refuted, whatever R2 says")
    return belief(result.r2, result.noise_ceiling)


def all_tested_refuted(result: TargetResult) -> bool:
    """Whether interactions of the target were retrained and none of them held up."""
    return {one.verified for one in result.interactions} - {NOT_TESTED} == {"refuted"}


def verification(result: TargetResult) -> str:
    """How many of a target's interactions were retrained, and what came of it."""
    outcomes = Counter(one.verified for one in result.interactions)
    if result.words.exact:
        return "values are exact, and checked on the held-out masks"
    if set(outcomes) <= {NOT_TESTED}:
        return "not tested by retraining"
    return "retrained: " + ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))


def retrained_words(result: TargetResult) -> str:
    """What retraining said of a target's interactions, in a few words; empty where values are exact."""
    outcomes = Counter(one.verified for one in result.interactions)
    if result.words.exact:
        return ""
    told = [f"{outcomes[one]} {one}" for one in ("confirmed", "refuted", "uncertain") if outcomes[one]]
    return f"retrained: {', '.join(told)}" if told else "not retrained"


def unit_sentence(units: Sequence[str]) -> str:
    """What effects are measured in, in a sentence; empty if it is unknown."""
    known = list(dict.fromkeys(unit for unit in units if unit != "value"))
    if not known:
        return ""
    odds = (
        " One more log-odds makes the odds 2.7 times as high."
        if any("log-odds" in one for one in known)
        else ""
    )
    those = listed([unit_words(one) for one in known])
    if len(known) > 1:
        return f"Effects are in their target's own unit ({those}); above 0 is for the better.{odds}"
    return f"Effects are in {those}; above 0 is for the better.{odds}"


def retraining(results: Results) -> str:
    """What came of retraining the largest interactions, in a sentence; empty if none was tried."""
    said = results.retraining
    if said is None:
        return ""
    claims = said["counts"]["claim"]
    tested = claims["tested"]
    if not tested:
        return f"No interaction was retrained: {said['note'] or 'none was found'}."
    if all_refuted(results):
        those = "the one interaction that was retrained is" if tested == 1 else f"all {tested} retrained are"
        return f"None of it held up: {those} refuted."
    parts = [f"{claims['confirmed']} confirmed", f"{claims['refuted']} refuted"]
    parts += [f"{claims['uncertain']} uncertain"] if claims["uncertain"] else []
    return f"Of {tested} interaction{'s' * (tested != 1)} retrained, {listed(parts)}."


def all_refuted(results: Results) -> bool:
    """Whether interactions were retrained and none of them held up."""
    claims = (results.retraining or {}).get("counts", {}).get("claim", {})
    return 0 < claims.get("tested", 0) == claims.get("refuted", 0)


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


def verdict(results: Results) -> str:
    """What came of retraining, how many targets can be believed, and plainly if nothing was found."""
    found = any(one.loudness for one in results.targets)
    nothing = "" if found or not results.targets else "No interaction was found on any target."
    return " ".join(part for part in (retraining(results), nothing, _believed(results)) if part)


def overall(results: Results) -> str:
    """The verdict, and how the check was checked."""
    return " ".join(part for part in (verdict(results), controls(results)) if part)


def _believed(results: Results) -> str:
    """How many targets can be believed, in a sentence."""
    levels = Counter(believed(one).level for one in results.targets)
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
    """The kind of a pair, or what stands for it at other orders; no kind where the sign itself is open."""
    if effect.order == 1:
        return "helps" if effect.value > 0 else "hurts" if effect.value < 0 else "nothing"
    if effect.sign_open:
        return SIGN_OPEN
    if effect.order == 2:
        return effect.kind or "kind unknown"
    return f"order {effect.order}"


def unit_words(unit: str) -> str:
    """What a value is measured in: an output's name such as "log-odds" in words, any other text as it is."""
    return OUTPUT_UNITS.get(unit, unit)


def _belief(level: Level, sentence: str) -> Belief:
    mark, word = _MARKS[level]
    return Belief(level, mark, word, sentence)
