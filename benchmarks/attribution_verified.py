"""What retraining makes of claims, and of false ones put among them; and a referee's word on what it said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from attribution_studies import Study

from spex_data.masks import MaskDistribution
from spex_data.spectra import Term
from spex_data.verification import (
    Hypothesis,
    Verification,
    VerificationDesign,
    claimed,
    design_verification,
    free_pairs,
    judge,
    null_hypotheses,
)

TOP, ROUNDS, SHARE, FIRST_SEED = 3, 6, 0.25, 10_000
REFEREE_ROUNDS = 8
HELDOUT_RUNS = 128
"""Fine-tunes of the held-out masks: they are part of a study, 64 with 2 seeds by default."""


def verified_counts(study: Study, found: Any, budget: int, *, referee: bool) -> dict[str, Any]:
    """Claims that were decoded from so many masks, retrained for a quarter as many more, against the truth.

    Beside them, with what retraining says of each: the sets that should do nothing, and the claims that are
    planted with their sign turned, which are false. The referee retrains all claims over fresh backgrounds
    and seeds, and has a word on each.
    """
    listed: Any = found.interactions(max_order=3, fdr=0.1)
    truth = study.truth or []
    counts = dict.fromkeys(_KEYS, 0) | {"planted": sum(map(len, truth))}
    counts["planted_claimed"] = sum(
        one.reported and truth[target].get(one.members, 0.0) * one.value > 0
        for target, each in enumerate(listed)
        for one in each
    )
    claims = claimed(listed, top=TOP)
    sets = list(dict.fromkeys(one.members for _, one in claims))
    if sets:
        controls = [(sets[0][0], study.n_groups), *free_pairs(sets)[:2]]
        design = _design(study, sets, controls, int(SHARE * (budget + HELDOUT_RUNS)), ROUNDS, seed=11)
        counts |= _judged(study, design, found.expansion, listed, [*sets, *controls], referee)
    return {"study": study.name, "kind": study.kind, "budget": budget, **counts}


def _judged(
    study: Study,
    design: VerificationDesign,
    expansion: Any,
    listed: Any,
    asked: Sequence[Term],
    referee: bool,
) -> dict[str, int]:
    truth = study.truth or []
    hypotheses = [
        Hypothesis(target, one.members, "claim", one.value, one.ci)
        for target, each in enumerate(listed)
        for _, one in claimed([each], top=len(each))
        if design.face_of(one.members) is not None
    ]
    measured = [one for one in asked if design.face_of(one) is not None]
    nulls = null_hypotheses(
        [[o for o in each if o.order > 1] for each in listed], measured, n_groups=study.n_groups
    )
    # A set that was planted and not claimed is no null; the decoder missed it.
    nulls = [one for one in nulls if one.members not in truth[one.target]]
    values = study.values(*design.rows())
    judged = judge(design, values, [*hypotheses, *nulls], expansion=expansion)
    on_claims, on_nulls = judged[: len(hypotheses)], judged[len(hypotheses) :]

    def true(one: Hypothesis) -> bool:
        return truth[one.target].get(one.members, 0.0) * one.predicted > 0

    planted = [one for one in hypotheses if true(one)]
    lies = judge(
        design, values, [replace(one, predicted=-one.predicted) for one in planted], expansion=expansion
    )
    counts = {
        "retrained": len(hypotheses),
        "fine_tunes": len(design),
        **{f"planted_{word}": _count(on_claims, word, true) for word in _VERDICTS},
        **{f"others_{word}": _count(on_claims, word, lambda one: not true(one)) for word in _VERDICTS},
        "nulls": len(on_nulls),
        "nulls_found": _count(on_nulls, "confirmed"),
        "lies": len(lies),
        **{f"lies_{word}": _count(lies, word) for word in _VERDICTS},
    }
    if referee:
        counts |= _refereed(study, expansion, listed, judged, true)
    return counts


def _refereed(
    study: Study,
    expansion: Any,
    listed: Any,
    judged: Sequence[Verification],
    true: Callable[[Hypothesis], bool],
) -> dict[str, int]:
    """Whether fresh fine-tunes give every claim the same sign, each with its own 90% interval.

    All claims are, not those alone that verification had the fine-tunes for, and so are the controls that it
    found to act. Claims are counted by whether their own interval says which way they act, too; and those
    that the referee contradicts go through it again, over four times as many backgrounds.
    """
    told = [
        Hypothesis(target, one.members, "claim", one.value, one.ci)
        for target, each in enumerate(listed)
        for _, one in claimed([each], top=len(each))
    ]
    found = [one.hypothesis for one in judged if one.verdict == "confirmed"]
    confirmed = {(one.target, one.members) for one in found}
    told += [replace(one, role="claim") for one in found if one.role == "null"]
    sets = list(dict.fromkeys(one.members for one in told))
    design = _design(study, sets, [], 10**9, REFEREE_ROUNDS, seed=12)
    counts = dict.fromkeys([key for key in _KEYS if "referee" in key], 0)
    counts["referee_fine_tunes"] = len(design)
    contradicted = []
    for one in judge(design, study.values(*design.rows()), told, expansion=expansion):
        word = _word(one)
        kind = "planted" if true(one.hypothesis) else "others"
        counts[f"referee_{word}_{kind}"] += 1
        ci = one.hypothesis.ci
        if ci is not None:
            counts[f"referee_{word}_sign_{'open' if ci[0] <= 0 <= ci[1] else 'known'}"] += 1
        if (one.hypothesis.target, one.hypothesis.members) in confirmed and word != "agrees":
            counts[f"confirmed_and_referee_{word}"] += 1
        if word == "contradicts":
            contradicted.append(one.hypothesis)
    if contradicted:
        sets = list(dict.fromkeys(one.members for one in contradicted))
        design = _design(study, sets, [], 10**9, 4 * REFEREE_ROUNDS, seed=13)
        for one in judge(design, study.values(*design.rows()), contradicted, expansion=expansion):
            counts[f"referee_again_{_word(one)}"] += 1
    return counts


def _word(one: Verification) -> str:
    """What retraining says of a claim's sign, by its own 90% interval."""
    low, high = one.observed.interval(0.1) or (0.0, 0.0)
    if low <= 0 <= high:
        return "unsure"
    return "agrees" if low * one.hypothesis.predicted > 0 else "contradicts"


def _design(
    study: Study, sets: Sequence[Term], controls: Sequence[Term], budget: int, rounds: int, *, seed: int
) -> VerificationDesign:
    return design_verification(
        MaskDistribution("bernoulli", study.n_groups),
        [str(group) for group in range(study.n_groups)],
        sets,
        controls=controls,
        budget=budget,
        rounds=rounds,
        seed=seed,
    )


def _count(
    judged: Sequence[Verification], verdict: str, which: Callable[[Hypothesis], bool] | None = None
) -> int:
    return sum(one.verdict == verdict and (which is None or which(one.hypothesis)) for one in judged)


_KINDS, _WORDS = ("planted", "others"), ("agrees", "unsure", "contradicts")
_VERDICTS = ("confirmed", "uncertain", "refuted")
_KEYS = (
    "planted", "planted_claimed", "retrained", "fine_tunes",
    *(f"{kind}_{word}" for kind in _KINDS for word in _VERDICTS),
    "nulls", "nulls_found", "lies", *(f"lies_{word}" for word in _VERDICTS), "referee_fine_tunes",
    *(f"referee_{word}_{kind}" for kind in (*_KINDS, "sign_known", "sign_open") for word in _WORDS),
    *(f"referee_again_{word}" for word in _WORDS),
    "confirmed_and_referee_unsure", "confirmed_and_referee_contradicts",
)  # fmt: skip
