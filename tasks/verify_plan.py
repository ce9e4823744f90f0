"""What a run's verification asks: claims, controls, and the fine-tunes that decide them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import floor

import numpy as np
import pyarrow.parquet as pq

from spex_data.decoding.uncertainty.certainty import Estimate
from spex_data.groups import Grouping
from spex_data.masks import MaskDistribution, MeasurementPlan
from spex_data.reports import Recovery, read_results
from spex_data.study import StudyConfig
from spex_data.verification import (
    Hypothesis,
    VerificationDesign,
    claimed,
    design_verification,
    free_pairs,
    null_hypotheses,
)
from tasks.inputs import plan_of
from tasks.masks_so_far import design_so_far
from tasks.run_folder import RunFolder
from tasks.value_function import FILTERED, VERIFY

CONTROLS = 2
"""Pairs that are retrained for no other reason than that they should do nothing."""


@dataclass(frozen=True)
class Asked:
    """What is to be verified, and how.

    Attributes:
        hypotheses: Claims first, then controls.
        design: The fine-tunes by the study's own schedule.
        filtered: Those by the filtered schedule, full rounds alone.
        study_fine_tunes: What the study itself takes.
    """

    hypotheses: tuple[Hypothesis, ...]
    design: VerificationDesign
    filtered: VerificationDesign
    study_fine_tunes: int = 0

    @classmethod
    def nothing(cls) -> Asked:
        """Where there is nothing to verify."""
        empty = design_verification(
            MaskDistribution("bernoulli", 2), ["0", "1"], [], budget=0, rounds=0, seed=0
        )
        return cls((), empty, empty)


def asked_of_study(folder: RunFolder, recovery: Recovery) -> Asked:
    """What a study's `verify` section asks of what was found; always the same of the same.

    Raises:
        ConfigError: The share allowed does not suffice for one interaction.
    """
    study = folder.read_study()
    grouping = Grouping.from_table(pq.read_table(folder.groups))
    listed = [target.interactions for target in read_results(recovery.interactions).targets]
    claims = claimed(listed, top=study.verify.top)
    if not claims:
        return Asked.nothing()
    n_study = len(plan_of(study, design_so_far(folder, study, grouping)))
    budget = floor(study.verify.share * n_study)
    sets = list(dict.fromkeys(one.members for _, one in claims))
    firsts = list(dict.fromkeys(one.members for _, one in claims[: len({target for target, _ in claims})]))
    ordinary = _filtered(study, grouping, firsts, budget)
    phantom, rest = (sets[0][0], grouping.n_groups), [one for one in sets if one not in firsts]
    controls = [phantom, *free_pairs(sets)[:CONTROLS]]
    design = design_verification(
        study.mask_design(grouping.keys).distribution,
        grouping.keys,
        [firsts[0], phantom, *firsts[1:], *rest],
        front=firsts if study.verify.full else (),
        controls=controls[1:],
        budget=budget - len(ordinary),
        rounds=study.verify.backgrounds,
        full_rounds=study.verify.full,
        seed=study.seed,
    )
    # What lies within the sets retrained is judged too, at no cost.
    asked = [
        Hypothesis(target, one.members, "claim", one.value, one.ci, one.full)
        for target, each in enumerate(listed)
        for _, one in claimed([each], top=len(each))
        if design.face_of(one.members) is not None
    ]
    measured = [one for one in (*sets, *controls) if design.face_of(one) is not None]
    nulls = null_hypotheses(listed, measured, n_groups=grouping.n_groups)
    return Asked((*asked, *nulls), design, ordinary, n_study)


def asked_by_hand(
    folder: RunFolder,
    recovery: Recovery,
    members: tuple[int, ...],
    target: int | None,
    *,
    backgrounds: int | None = None,
    seeds: int | None = None,
) -> Asked:
    """What it takes to verify one set.

    Args:
        folder: The run's.
        recovery: What was found.
        members: The groups, sorted.
        target: Number of a target; None for all.
        backgrounds: Draws of the other groups; None for as many as the study's section says.
        seeds: Seeds with which it is retrained where all other groups are present; None like `backgrounds`.
    """
    study = folder.read_study()
    backgrounds = study.verify.backgrounds if backgrounds is None else backgrounds
    seeds = study.verify.full if seeds is None else seeds
    grouping = Grouping.from_table(pq.read_table(folder.groups))
    expansion = recovery.decoded.expansion
    distribution = study.mask_design(grouping.keys).distribution
    predicted, full = (
        np.atleast_1d(expansion.discrete_derivative(members, moment))
        for moment in (distribution.parity_moment, lambda order: (-1.0) ** order)
    )
    intervals = recovery.decoded.estimate(members)
    estimates = intervals if isinstance(intervals, list) else [intervals]
    design = design_verification(
        distribution,
        grouping.keys,
        [members],
        front=[members] if seeds else (),
        budget=10**9,
        rounds=backgrounds,
        full_rounds=seeds,
        seed=study.seed,
    )
    hypotheses = tuple(
        Hypothesis(column, members, "claim", float(value), _ci(estimates[column]), float(full[column]))
        for column, value in enumerate(predicted)
        if target in (None, column)
    )
    n_study = len(plan_of(study, design_so_far(folder, study, grouping)))
    return Asked(hypotheses, design, _filtered(study, grouping, [], 0), n_study)


def _ci(estimate: Estimate | None) -> tuple[float, float] | None:
    return estimate.ci if estimate else None


def verification_plan(asked: Asked) -> MeasurementPlan:
    """The fine-tunes asked for: the study's schedule first, then the filtered one."""
    (masks, seeds), (more, more_seeds) = asked.design.rows(), asked.filtered.rows()
    roles = (VERIFY,) * len(seeds) + (FILTERED,) * len(more_seeds)
    masks = np.vstack([masks, more]) if len(more_seeds) else masks
    return MeasurementPlan(masks, np.concatenate([seeds, more_seeds]), roles)


def _filtered(
    study: StudyConfig, grouping: Grouping, firsts: list[tuple[int, ...]], budget: int
) -> VerificationDesign:
    """Full rounds of the largest claims under the filtered schedule, in a tenth of the budget at most."""
    empty = design_verification(
        study.mask_design(grouping.keys).distribution, grouping.keys, [], budget=0, rounds=0, seed=study.seed
    )
    if study.training.schedule == "filtered" or not study.verify.full:
        return empty
    chosen: list[tuple[int, ...]] = []
    for one in firsts[: study.verify.filtered]:
        wider = replace(empty, front=(*chosen, one), full_rounds=study.verify.full)
        if len(wider) <= budget / 10:
            chosen.append(one)
    return replace(empty, front=tuple(chosen), full_rounds=study.verify.full if chosen else 0)
