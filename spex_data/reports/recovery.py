"""From a table of values to what is reported of it: decode, judge on held-out masks, put into documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding import Decoded, Simulated, decoder
from spex_data.errors import DecodingError
from spex_data.faithfulness import Faithfulness, faithfulness
from spex_data.masks import MaskDesign, MaskDistribution
from spex_data.masks.lenses import words_of
from spex_data.reports.document import faithfulness_document, interactions_document, number_or_none
from spex_data.values import ValueTable

_LOOKED_FOR = 3
"""Largest sets that methods look for unasked."""


@dataclass(frozen=True)
class Recovery:
    """What was found in a table of values, and how far to believe it.

    Attributes:
        decoded: The decoder's result for all targets.
        faithfulness: One for each target.
        heldout_masks: bool[h, n_groups], none of which was decoded from.
        heldout_values: float64[h, t], mean over seeds.
        predicted: float64[h, t], what the expansion says of them.
        interactions: The document of interactions.json.
        judged: The document of faithfulness.json.
        unknown: Training masks without a value of some target, which were not decoded from.
    """

    decoded: Decoded
    faithfulness: tuple[Faithfulness, ...]
    heldout_masks: NDArray[np.bool_]
    heldout_values: NDArray[np.float64]
    predicted: NDArray[np.float64]
    interactions: dict[str, Any]
    judged: dict[str, Any]
    unknown: int

    def scores(self) -> dict[str, list[tuple[int, float]]]:
        """Held-out R2, Spearman and noise ceiling as metrics: the mean, then each target's."""
        kinds = {
            "heldout_r2": [judged.r2 for judged in self.faithfulness],
            "heldout_spearman": [judged.spearman for judged in self.faithfulness],
            "noise_ceiling": [judged.noise_ceiling.value for judged in self.faithfulness],
        }
        scores = {}
        for kind, values in kinds.items():
            known = [value for value in values if value is not None]
            if known:
                scores[f"{kind}.mean"] = [(0, float(np.mean(known)))]
            for target, value in zip(self.interactions["targets"], values, strict=True):
                if value is not None:
                    scores[f"{kind}.{target['name']}"] = [(0, float(value))]
        return scores


def recover_values(
    table: ValueTable,
    *,
    study_name: str,
    group_names: Sequence[str],
    method: str,
    max_order: int,
    distribution: MaskDesign | MaskDistribution | None,
    seed: int = 0,
    lens: str = "data",
    top: int = 20,
    fdr: float | None = None,
    features: Simulated | None = None,
) -> Recovery:
    """Decodes the training rows of a table and judges the result on its held-out rows.

    Args:
        table: Values of t targets.
        study_name: Goes into the documents.
        group_names: One for each group; labels, which may repeat.
        method: Name of a decoder.
        max_order: Largest set reported.
        distribution: What the masks were drawn from, their design for a method that needs it; Bernoulli
            with their share of ones if None.
        seed: Of the decoder's own draws.
        lens: What the groups are: data, features or components.
        top: Interactions listed for each target.
        fdr: False discovery rate of those that are reported; None to test nothing.
        features: What a surrogate says of masks; None if none was asked.

    Raises:
        DecodingError: Fewer than 4 training masks have all their values.
    """
    masks, values = _training_rows(table)
    # what predicts best may hold larger sets than are reported; sets of 3 are looked for in any case
    limit = max_order if max_order > _LOOKED_FOR else None
    decoded = decoder(method, max_order=limit, seed=seed).decode(
        masks, values, design=distribution or MaskDistribution.estimated(masks), features=features
    )
    heldout_masks, replicates = table.replicates("heldout")
    judged = tuple(faithfulness(decoded, heldout_masks, replicates, exact=words_of(lens).exact))
    held, means = table.aligned("heldout")
    interactions = interactions_document(
        study=study_name,
        lens=lens,
        group_names=group_names,
        target_names=table.targets,
        decoded=decoded,
        faithfulness=judged,
        n_masks=len(masks),
        max_order=max_order,
        top=top,
        fdr=fdr,
    )
    return Recovery(
        decoded=decoded,
        faithfulness=judged,
        heldout_masks=held,
        heldout_values=means,
        predicted=decoded.evaluate(held),
        interactions=interactions,
        judged=faithfulness_document(
            study=study_name, target_names=table.targets, faithfulness=judged, surrogate=_surrogate(decoded)
        ),
        unknown=len(table.replicates("train")[0]) - len(masks),
    )


def _training_rows(table: ValueTable) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    masks, values = table.aligned("train")
    if len(masks) < 4:
        raise DecodingError(
            f"holds {len(masks)} training masks with all their values",
            where="values",
            instead="measure more masks (at least 4; n + 2 for n groups is the least that says something)",
        )
    return masks, values


def _surrogate(decoded: Decoded) -> list[dict[str, Any] | None]:
    """Of each target what became of a surrogate, as true fine-tunes tell out of fold; None without one."""
    found: list[dict[str, Any] | None] = []
    for fit in decoded.fits:
        settings = fit.settings
        if "surrogate" not in settings:
            found.append(None)
            continue
        found.append(
            {
                "used": settings["surrogate"] == "used",
                "weight": number_or_none(float(settings.get("weight of surrogate-gp", 0.0))),
                "cv_r2": number_or_none(float(settings["cv_r2_with_surrogate"])),
                "cv_r2_without": number_or_none(float(settings["cv_r2_without_surrogate"])),
            }
        )
    return found
