"""The section that says which subsets of the groups are trained on: masks."""

from __future__ import annotations

from typing import Literal

from spex_data.study.keys import AT_LEAST_1, Positive, Real, Section, Whole, key


class AlphaBudget(Section):
    """A number of training masks that grows with the number of groups."""

    alpha: Real = key(accepts="a number above 0", description="The budget is alpha n log2(n) masks.", gt=0)


class MasksConfig(Section):
    """The subsets of groups that are trained on."""

    budget: Positive | AlphaBudget = key(
        AlphaBudget(alpha=4.0),
        accepts="a whole number such as 256, or {alpha: 4} for alpha n log2(n) masks",
        description="Number of training masks.",
    )
    scheme: Literal["bernoulli", "stratified", "spex"] = key(
        "bernoulli",
        accepts="bernoulli, stratified or spex",
        description="Each group by its own coin, the number of groups first, or the masks of a code (SPEX).",
    )
    degree: Whole = key(
        5,
        accepts=AT_LEAST_1,
        description="Largest set of groups that spex masks are coded for; more of them need a larger budget.",
        ge=1,
    )
    p: Real = key(
        0.5,
        accepts="a number between 0 and 1, such as 0.5",
        description="Probability that a group is present.",
        gt=0,
        lt=1,
    )
    heldout: Whole = key(
        64,
        accepts="a whole number of at least 0",
        description="Masks kept apart to judge the result by.",
        ge=0,
    )
    heldout_seeds: Whole = key(
        2, accepts=AT_LEAST_1, description="Trainings of each held-out mask, whose mean is its value.", ge=1
    )
