"""verification.json, and what it changes in interactions.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from spex_data.reports.document import interval_or_none, number_or_none, writable
from spex_data.verification import Measurement, Verdict, Verification

ROLES = ("claim", "null", "phantom")


def verification_document(
    *,
    study: str,
    group_names: Sequence[str],
    target_names: Sequence[str],
    verified: Sequence[Verification],
    level: float,
    margin: float,
    n_rounds: int = 0,
    full_rounds: int = 0,
    fine_tunes: int = 0,
    study_fine_tunes: int = 0,
    causes: Sequence[str] = (),
    note: str | None = None,
) -> dict[str, Any]:
    """What retraining said, as verification.json holds it.

    Args:
        study: Name of the study.
        group_names: Label of each group; the number after the last stands for a phantom.
        target_names: t names.
        verified: The verdicts.
        level: Share of verdicts that may be wrong.
        margin: Share of a prediction within which an effect is as good as none.
        n_rounds: Backgrounds that each set was retrained over.
        full_rounds: Seeds at the full set.
        fine_tunes: What it took.
        study_fine_tunes: What the study took.
        causes: Why fine-tunes of it have no value, one each.
        note: Why there is nothing, or less than asked for.
    """
    names = [*map(writable, group_names), "phantom"]
    return {
        "study": writable(study),
        "level": level,
        "margin": margin,
        "backgrounds": n_rounds,
        "full_rounds": full_rounds,
        "fine_tunes": fine_tunes,
        "study_fine_tunes": study_fine_tunes,
        "failed": len(causes),
        "cause": writable(causes[0]) if causes else None,
        "note": note,
        "counts": {
            role: _counts([one for one in verified if one.hypothesis.role == role], level) for role in ROLES
        },
        "tests": [_test(one, names, target_names, level) for one in verified],
    }


def with_verdicts(document: Mapping[str, Any], verification: Mapping[str, Any]) -> dict[str, Any]:
    """A document of interactions with what retraining said of them.

    Args:
        document: Of interactions.json.
        verification: Of verification.json, of the same groups and targets.
    """
    told = {
        (test["target"], tuple(test["members"])): test
        for test in verification["tests"]
        if test["role"] == "claim"
    }
    targets = []
    for target in document["targets"]:
        name = target["name"]
        interactions = [
            _verified(one, told.get((name, tuple(one["members"])))) for one in target["interactions"]
        ]
        targets.append({**target, "interactions": interactions})
    said = ("backgrounds", "fine_tunes", "study_fine_tunes", "failed", "cause", "level", "note", "counts")
    return {**document, "verification": {key: verification[key] for key in said}, "targets": targets}


def _counts(verified: Sequence[Verification], level: float) -> dict[str, int]:
    """How many were tested, how many have each verdict, and how many a single test at the level rejects."""
    verdicts = [one.verdict for one in verified]
    return {
        "tested": len(verified),
        **{verdict: verdicts.count(verdict) for verdict in get_args(Verdict)},
        "p_below_level": sum(one.p is not None and one.p <= level for one in verified),
    }


def _verified(entry: Mapping[str, Any], test: Mapping[str, Any] | None) -> dict[str, Any]:
    # A verdict is on what was predicted then: a changed sign has not been tested.
    if test is None or entry["value"] is None or entry["value"] * test["predicted"] <= 0:
        return {**entry, "verified": "not tested"}
    return {
        **entry,
        "verified": test["verdict"],
        "observed": test["observed"],
        "observed_ci": test["ci"],
        "observed_full": test["full"]["observed"],
        "scale_dependent": test["scale_dependent"],
    }


def _test(one: Verification, names: Sequence[str], targets: Sequence[str], level: float) -> dict[str, Any]:
    asked = one.hypothesis
    return {
        "target": writable(targets[asked.target]),
        "groups": [names[member] for member in asked.members],
        "members": list(asked.members),
        "role": asked.role,
        "index": "banzhaf",
        "predicted": number_or_none(asked.predicted),
        "predicted_ci": interval_or_none(asked.ci),
        "observed": number_or_none(one.observed.value),
        "ci": interval_or_none(one.ci),
        "raw": number_or_none(one.raw),
        "backgrounds": one.observed.n_rounds,
        "p": number_or_none(one.p),
        "q": number_or_none(one.q),
        "margin": number_or_none(one.margin),
        "q_equivalent": number_or_none(one.q_equivalent),
        "verdict": one.verdict,
        "why": one.why,
        "full": {"predicted": number_or_none(asked.full), **_measured(one.full)},
        "without": [
            {
                "groups": [names[member] for member in absent],
                "value": number_or_none(left),
                **_change(one.changes.get(absent), level),
            }
            for absent, left in one.corners.items()
        ],
        "filtered": _measured(one.filtered),
        "scales": {name: number_or_none(found.value) for name, found in one.scales.items()},
        "scale_dependent": one.scale_dependent,
    }


def _change(found: Measurement | None, level: float) -> dict[str, Any]:
    """What dropping groups did, beside everything with the same seeds; its interval is of one test alone."""
    if found is None:
        return {}
    return {
        "change": number_or_none(found.value),
        "change_ci": interval_or_none(found.interval(level)),
        "seeds": found.n_rounds,
    }


def _measured(found: Measurement) -> dict[str, Any]:
    return {"observed": number_or_none(found.value), "seeds": found.n_rounds}
