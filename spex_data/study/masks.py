"""The section that says which subsets of the groups are trained on: masks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from spex_data.study.keys import AT_LEAST_1, Positive, Real, Section, Whole, key


class AlphaBudget(Section):
    """A number of training masks that grows with the number of groups."""

    alpha: Real = key(accepts="a number above 0", description="The budget is alpha n log2(n) masks.", gt=0)


class UntilGoal(Section):
    """What is enough: the study goes on in rounds until it is known, or until the budget is spent."""

    r2: Annotated[Real, Field(gt=0, lt=1)] | None = key(
        None,
        accepts="a number between 0 and 1, such as 0.9",
        description="R2, mean over the targets, that the lower end of its cross-validated interval reaches.",
    )
    ci_width: Annotated[Real, Field(gt=0)] | None = key(
        None,
        accepts="a number above 0, in the unit of the targets",
        description="Width of the 90% interval of each target's largest interaction.",
    )


class MasksConfig(Section):
    """The subsets of groups that are trained on."""

    budget: Positive | AlphaBudget = key(
        AlphaBudget(alpha=4.0),
        accepts="a whole number such as 256, or {alpha: 4} for alpha n log2(n) masks",
        description="Number of training masks; with `until` or adaptive masks the most there may be.",
    )
    until: UntilGoal | None = key(
        None,
        accepts="{r2: 0.9}, {ci_width: 1.5} or null",
        description="Go on in rounds until this is known, and stop before the budget is spent.",
    )
    first: Positive | None = key(
        None,
        accepts=f"{AT_LEAST_1}, or null for 64 or two a group",
        description="Training masks of the first round, where there are rounds; all of them are drawn.",
    )
    growth: Annotated[Real, Field(gt=1)] = key(
        1.5,
        accepts="a number above 1, such as 1.5",
        description="How many times as many masks there are after each further round.",
    )
    inherit: str | None = key(
        None,
        accepts="the file that `spex-data extend --split` wrote, or null",
        description="Masks of a coarser run, whose values stay valid, and which come first.",
        min_length=1,
    )
    scheme: Literal["bernoulli", "stratified", "spex", "adaptive"] = key(
        "bernoulli",
        accepts="bernoulli, stratified, spex or adaptive",
        description="Each group by its own coin, the number of groups first, the masks of a code (SPEX), or "
        "like bernoulli with half of each further round chosen by what it tells.",
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
