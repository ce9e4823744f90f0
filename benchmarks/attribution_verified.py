"""What retraining makes of claims, and of false ones put among them."""

from __future__ import annotations

from typing import Any

import numpy as np
from attribution_studies import Masks, Study

from spex_data.decoding import decoder
from spex_data.masks import MaskDistribution
from spex_data.verification import (
    Hypothesis,
    claimed,
    design_verification,
    free_pairs,
    judge,
    null_hypotheses,
)

TOP, ROUNDS, SHARE, FIRST_SEED = 3, 6, 0.25, 10_000


def verified_counts(study: Study, masks: Masks) -> dict[str, int]:
    """Claims of `auto` from some masks, retrained for a quarter as many more, against what was planted.

    One false claim is put beside them: the largest claim with its sign turned.
    """
    n, budget = study.n_groups, len(masks)
    distribution = MaskDistribution("bernoulli", n)
    values = study.values(masks, FIRST_SEED + np.arange(budget))
    found = decoder("auto").decode(masks, values, design=distribution)
    listed: Any = found.interactions(max_order=3, fdr=0.1)
    claims = claimed(listed, top=TOP)
    truth = study.truth or []
    if not claims:
        return dict.fromkeys(_KEYS, 0) | {"planted": sum(map(len, truth))}
    sets = list(dict.fromkeys(one.members for _, one in claims))
    phantom = (sets[0][0], n)
    design = design_verification(
        distribution,
        [str(group) for group in range(n)],
        sets,
        controls=[phantom, *free_pairs(sets)[:2]],
        # held-out masks are part of a study: 32 with 2 seeds here, as many as a default one has
        budget=int(SHARE * (budget + 128)),
        rounds=ROUNDS,
        seed=11,
    )
    rows, seeds = design.rows()
    hypotheses = [
        Hypothesis(target, one.members, "claim", one.value, one.ci)
        for target, each in enumerate(listed)
        for _, one in claimed([each], top=len(each))
        if design.face_of(one.members) is not None
    ]
    measured = [one for one in (*sets, phantom) if design.face_of(one) is not None]
    nulls = null_hypotheses([[o for o in each if o.order > 1] for each in listed], measured, n_groups=n)
    values = study.values(rows, seeds)
    judged = judge(design, values, [*hypotheses, *nulls], expansion=found.expansion)
    largest = max(hypotheses, key=lambda one: abs(one.predicted))
    turned = Hypothesis(largest.target, largest.members, "claim", -largest.predicted)
    (lie,) = judge(design, values, [turned], expansion=found.expansion)
    on_claims = judged[: len(hypotheses)]

    def true(one: Hypothesis) -> bool:
        return truth[one.target].get(one.members, 0.0) * one.predicted > 0

    def count(verdict: str, planted: bool) -> int:
        return sum(one.verdict == verdict and true(one.hypothesis) == planted for one in on_claims)

    return {
        "planted": sum(map(len, truth)),
        "retrained": len(hypotheses),
        "fine_tunes": len(rows),
        "planted_confirmed": count("confirmed", True),
        "planted_uncertain": count("uncertain", True),
        "planted_refuted": count("refuted", True),
        "others_confirmed": count("confirmed", False),
        "others_uncertain": count("uncertain", False),
        "others_refuted": count("refuted", False),
        "nulls": len(nulls),
        "nulls_found": sum(one.verdict == "confirmed" for one in judged[len(hypotheses) :]),
        "lies": 1,
        "lies_refuted": int(lie.verdict == "refuted"),
    }


_KEYS = (
    "planted", "retrained", "fine_tunes", "planted_confirmed", "planted_uncertain", "planted_refuted",
    "others_confirmed", "others_uncertain", "others_refuted", "nulls", "nulls_found", "lies", "lies_refuted",
)  # fmt: skip
