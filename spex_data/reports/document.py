"""The documents of a run: interactions.json and faithfulness.json, where unknown is null and never 0."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spex_data.errors import DecodingError
from spex_data.faithfulness import allocation

if TYPE_CHECKING:
    from spex_data.decoding import Decoded, Interaction
    from spex_data.faithfulness import Faithfulness

INDEX = "banzhaf"
"""The mean discrete derivative under the study's own mask distribution."""
MOST_MAIN_EFFECTS = 64
"""Main effects kept of a target: pictures need all of them, and 64 is as many as one can look at."""


def interactions_document(
    *,
    study: str,
    group_names: Sequence[str],
    target_names: Sequence[str],
    decoded: Decoded,
    faithfulness: Sequence[Faithfulness],
    n_masks: int,
    max_order: int = 3,
    top: int = 20,
    fdr: float | None = None,
) -> dict[str, Any]:
    """What was found, as interactions.json holds it.

    Args:
        study: Name of the study.
        group_names: Label of each group; the members of an interaction are places in this list.
        target_names: t names.
        decoded: The decoder's result for these targets.
        faithfulness: One for each target; empty if nothing was held out.
        n_masks: Masks decoded from.
        max_order: Largest set reported.
        top: Interactions of order 2 and more kept of each target, besides its main effects.
        fdr: False discovery rate of the reported list; None to test nothing.

    Returns:
        A document of JSON types alone. Of each target, largest first: the main effects and the `top`
        interactions, without those that have no finite value; what is reported is kept before what is not.
    """
    found = _by_target(decoded.interactions(max_order=max_order, fdr=fdr), len(target_names))
    judged: Sequence[Faithfulness | None] = faithfulness or [None] * len(target_names)
    names = [writable(name) for name in group_names]
    return {
        "study": writable(study),
        "n_groups": len(names),
        "groups": names,
        "targets": [
            {
                "name": writable(name),
                "method": str(decoded.method),
                "n_masks": int(n_masks),
                "r2": number_or_none(one.r2 if one else None),
                "spearman": number_or_none(one.spearman if one else None),
                "noise_ceiling": number_or_none(one.noise_ceiling.value if one else None),
                "interactions": [_entry(each, names) for each in _largest(interactions, top)],
            }
            for name, one, interactions in zip(target_names, judged, found, strict=True)
        ],
    }


def faithfulness_document(
    *,
    study: str,
    target_names: Sequence[str],
    faithfulness: Sequence[Faithfulness],
    surrogate: Sequence[Mapping[str, Any] | None] = (),
) -> dict[str, Any]:
    """How well the expansion predicts held-out masks, as faithfulness.json holds it.

    Args:
        study: Name of the study.
        target_names: t names.
        faithfulness: One for each target.
        surrogate: Of each target what became of a surrogate's word; None, or no entry, where there was none.
    """
    told = surrogate or [None] * len(target_names)
    return {
        "study": writable(study),
        "targets": [
            {
                "name": writable(name),
                "r2": number_or_none(one.r2),
                "r2_ci": interval_or_none(one.r2_ci),
                "spearman": number_or_none(one.spearman),
                "spearman_ci": interval_or_none(one.spearman_ci),
                "rank_ceiling": number_or_none(one.rank_ceiling.value if one.rank_ceiling else None),
                **_advice(one),
                "n_masks": _count(one.n_masks),
                "n_seeds": number_or_none(one.n_seeds),
                "noise_ceiling": {
                    "value": number_or_none(one.noise_ceiling.value),
                    "ci": interval_or_none(one.noise_ceiling.ci),
                    "signal_variance": number_or_none(one.noise_ceiling.signal_variance),
                    "seed_variance": number_or_none(one.noise_ceiling.seed_variance),
                    "n_masks": _count(one.noise_ceiling.n_masks),
                    "n_seeds": number_or_none(one.noise_ceiling.n_seeds),
                },
                **({} if said is None else {"surrogate": dict(said)}),
            }
            for name, one, said in zip(target_names, faithfulness, told, strict=True)
        ],
    }


def as_json(document: Mapping[str, Any]) -> str:
    """Strict JSON in UTF-8, keys in the document's order, floats in their shortest exact form.

    Raises:
        ValueError: A number is not finite, which the documents here never hold.
    """
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _by_target(found: Sequence[Any], n_targets: int) -> Sequence[Sequence[Interaction]]:
    """One list a target, also from the flat list that values of a single target give."""
    if n_targets == 1 and not (len(found) == 1 and isinstance(found[0], list | tuple)):
        return [found]
    if len(found) != n_targets:
        raise DecodingError(
            f"gives interactions of {len(found)} targets, and {n_targets} are named",
            where="target_names",
            instead="name every column of the values that were decoded",
        )
    return found


def _largest(interactions: Sequence[Interaction], top: int) -> list[Interaction]:
    ranked = sorted(
        (one for one in interactions if one.members and math.isfinite(one.value)),
        key=lambda one: (-abs(one.value), len(one.members), one.members),
    )
    mains = [one for one in ranked if len(one.members) == 1][:MOST_MAIN_EFFECTS]
    together = [one for one in ranked if len(one.members) > 1]
    together = sorted(together, key=lambda one: not getattr(one, "reported", None))[:top]
    kept = {one.members for one in (*mains, *together)}
    return [one for one in ranked if one.members in kept]


def _entry(one: Interaction, names: Sequence[str]) -> dict[str, Any]:
    members = [int(member) for member in one.members]
    return {
        "groups": [names[member] for member in members],
        "members": members,
        "order": len(members),
        "index": INDEX,
        "value": number_or_none(one.value),
        "ci": interval_or_none(one.ci),
        "moebius": number_or_none(one.moebius),
        "full": number_or_none(one.full),
        "kind": one.kind,
        "q": number_or_none(getattr(one, "q", None)),
        "reported": getattr(one, "reported", None),
        "verified": "not tested",
    }


def number_or_none(value: float | None) -> float | None:
    """A float, or None for what is unknown or not finite; -0.0 is written as 0.0."""
    return None if value is None or not math.isfinite(value) else float(value) + 0.0


def _advice(one: Faithfulness) -> dict[str, Any]:
    advised = allocation(one.noise_ceiling, one.r2)
    return {"more": advised.more, "why_more": advised.why, "noise_share": number_or_none(advised.noise_share)}


def _count(value: int | None) -> int | None:
    return None if value is None else int(value)


def interval_or_none(ci: tuple[float, float] | None) -> list[float] | None:
    """Both ends as a list, or None where one is unknown or not finite."""
    if ci is None or not all(math.isfinite(end) for end in ci):
        return None
    return [float(end) + 0.0 for end in ci]


def writable(text: str) -> str:
    """Lone surrogates, which no file can hold, become question marks."""
    return text.encode("utf-8", "replace").decode()
