"""When to stop: what is known after a round, beside what was asked for.

The masks held out have no say in it: a study that stopped when its held-out R2 was high would report an R2
that luck at one of several looks had a part in. What decides is the cross-validated R2 of the training masks,
turned into what the held-out masks are expected to show, and it is the lower end of its interval that must
reach the goal, so that luck at one of several looks seldom suffices. The held-out R2 is looked at once, at
the end, and may be a little less than the goal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from spex_data.decoding import Decoded, Interaction, Simulated, decoder
from spex_data.masks import MaskDesign

_RESAMPLES = 400
NEAR = 0.01
"""R2 this near to its ceiling has nothing to gain."""
LEVEL = 0.9


class Ceiling(Protocol):
    """What seeds make of a target's values, as `spex_data.faithfulness.noise_ceiling` finds it."""

    @property
    def value(self) -> float | None:
        """The largest R2 that seed noise allows of means over `n_seeds`; None where unknown."""
        ...

    @property
    def signal_variance(self) -> float | None:
        """From mask to mask."""
        ...

    @property
    def seed_variance(self) -> float | None:
        """From seed to seed."""
        ...

    @property
    def n_seeds(self) -> float | None:
        """K, seeds of a held-out mask."""
        ...

    @property
    def ci(self) -> tuple[float, float] | None:
        """90% interval of `value`."""
        ...


@dataclass(frozen=True)
class Known:
    """What a round has shown; R2 and ceiling are means over the targets.

    Attributes:
        r2: The R2 to expect on held-out masks; None where it is not known.
        r2_ci: Its 90% interval, over masks drawn again.
        ceiling: The largest R2 that seed noise allows; None where it is not known.
        ceiling_high: The upper end of its interval.
        ci_width: The widest interval of any target's largest interaction, in the targets' unit; None where
            there is none.
        ci_target: That target's number.
    """

    r2: float | None
    r2_ci: tuple[float, float] | None
    ceiling: float | None
    ceiling_high: float | None
    ci_width: float | None
    ci_target: int | None = None


@dataclass(frozen=True)
class Decision:
    """Whether to go on, and why not.

    Attributes:
        stop: Whether the study ends here.
        reached: Whether the goal was reached; None where there was none.
        why: In words.
    """

    stop: bool
    reached: bool | None
    why: str


def known_r2(
    values: NDArray[np.float64],
    out_of_fold: NDArray[np.float64],
    ceilings: Sequence[Ceiling],
    *,
    seeds_a_mask: int = 1,
    seed: int = 0,
) -> tuple[float | None, tuple[float, float] | None]:
    """The mean R2 that held-out masks are expected to show, from cross-validation on training masks.

    A training mask's value is of k seeds, most often one; a held-out mask's is of K, and its R2 is larger:
    R2 = R2_cv (sigma_f^2 + sigma_s^2 / k) / (sigma_f^2 + sigma_s^2 / K), where seeds were repeated.

    Args:
        values: float64[m, t] of masks drawn from the study's own law.
        out_of_fold: float64[m, t], what fits without them say of them.
        ceilings: One for each target.
        seeds_a_mask: k.
        seed: Of the bootstrap.

    Returns:
        (R2, its 90% interval over masks drawn again); None where no target's values differ, or with fewer
        than 4 masks.
    """
    factors = np.array([_seeds_factor(ceiling, seeds_a_mask) for ceiling in ceilings])
    varies = values.std(axis=0) > 0
    if len(values) < 4 or not varies.any():
        return None, None
    values, out_of_fold, factors = values[:, varies], out_of_fold[:, varies], factors[varies]
    errors = (values - out_of_fold) ** 2

    def mean_r2(rows: NDArray[np.int64]) -> float:
        spread = values[rows].var(axis=0)
        lost = errors[rows].mean(axis=0) / np.where(spread > 0, spread, np.inf)
        return float(np.minimum(factors * (1 - lost), 1.0).mean())

    draws = np.random.default_rng(seed).integers(len(values), size=(_RESAMPLES, len(values)))
    low, high = np.quantile([mean_r2(rows) for rows in draws], (0.5 - LEVEL / 2, 0.5 + LEVEL / 2))
    return mean_r2(np.arange(len(values))), (float(low), float(high))


def _seeds_factor(ceiling: Ceiling, seeds_a_mask: int) -> float:
    """R2 on means over K seeds, over R2 on means over k; 1 where it is not known."""
    signal, noise, seeds = ceiling.signal_variance, ceiling.seed_variance, ceiling.n_seeds
    if signal is None or noise is None or seeds is None or signal <= 0:
        return 1.0
    return (signal + noise / seeds_a_mask) / (signal + noise / seeds)


def known_so_far(
    masks: NDArray[np.bool_],
    values: NDArray[np.float64],
    ceilings: Sequence[Ceiling],
    *,
    design: MaskDesign,
    method: str,
    max_order: int,
    features: Simulated | None = None,
    widths: bool = False,
    seeds_a_mask: int = 1,
    seed: int = 0,
) -> Known:
    """What the training masks so far say.

    Args:
        masks: bool[m, n_groups], the training masks measured.
        values: float64[m, t].
        ceilings: One for each target. That held-out masks say how much seeds differ is all they say here.
        design: What the masks are.
        method: Name of the decoder.
        max_order: Largest set of an interaction.
        features: What a surrogate says of masks, for a decoder that listens.
        widths: Whether widths of intervals are wanted.
        seeds_a_mask: Seeds that each of the values is a mean over.
        seed: Of decoder and bootstrap.
    """
    found = decoder(method, seed=seed).decode(masks, values, design=design, features=features)
    rows = np.ones(len(found.masks), dtype=np.bool_) if found.lawful is None else found.lawful
    judged = {target: fit.out_of_fold for target, fit in enumerate(found.fits) if fit.out_of_fold is not None}
    r2, r2_ci = (None, None)
    if judged and found.values is not None:
        r2, r2_ci = known_r2(
            found.values[rows][:, list(judged)],
            np.stack([guess[rows] for guess in judged.values()], axis=1),
            [ceilings[target] for target in judged],
            seeds_a_mask=seeds_a_mask,
            seed=seed,
        )
    highs = [one.ci[1] for one in ceilings if one.ci is not None]
    allowed = [one.value for one in ceilings if one.value is not None]
    width, target = _widest(found, max_order) if widths else (None, None)
    return Known(
        r2=r2,
        r2_ci=r2_ci,
        ceiling=float(np.mean(allowed)) if allowed else None,
        ceiling_high=float(np.mean(highs)) if highs else None,
        ci_width=width,
        ci_target=target,
    )


def _widest(found: Decoded, max_order: int) -> tuple[float | None, int | None]:
    """The widest interval of a target's largest interaction, and whose; None: not cross-fitted."""
    if any(
        fit is None
        for fit, kept in zip(found.cross_fits, found.fits, strict=True)
        if kept.support is not None
    ):
        return None, None
    widths: list[tuple[float, int]] = []
    for target, listed in enumerate(cast(list[list[Interaction]], found.interactions(max_order))):
        largest = next((one for one in listed if one.order > 1), None)
        if largest is not None and largest.ci is None:
            return None, None
        if largest is not None and largest.ci is not None:
            widths.append((largest.ci[1] - largest.ci[0], target))
    return max(widths, default=(None, None))


def decide(
    known: Known,
    *,
    masks: int,
    budget: int,
    r2: float | None = None,
    ci_width: float | None = None,
    targets: Sequence[str] = (),
) -> Decision:
    """Whether a study that has come so far goes on.

    Args:
        known: What it has shown.
        masks: Training masks measured.
        budget: The most there may be.
        r2: Goal for the R2; None if there is none.
        ci_width: Goal for the width; None if there is none.
        targets: What to call each target.

    Returns:
        A Decision: the goal reached, nothing more to gain, the budget spent, or to go on.
    """
    spent = masks >= budget
    if r2 is None and ci_width is None:
        return Decision(spent, None, f"the budget of {budget:,} masks is spent" if spent else "")
    reached, so_far = (
        _wanted_r2(known, r2) if r2 is not None else _wanted_width(known, ci_width or 0.0, targets)
    )
    of = f"{masks:,} of at most {budget:,} masks"
    if reached:
        return Decision(True, True, f"goal reached after {of}: {so_far}")
    if r2 is not None and known.ceiling is not None and (known.ceiling_high or known.ceiling) < r2:
        so_far += (
            f"; seed noise allows {known.ceiling:.3f} ({known.ceiling_high or known.ceiling:.3f} at most)"
        )
        if known.r2 is not None and known.r2 >= known.ceiling - NEAR and not spent:
            return Decision(True, False, f"no further gain expected after {of}: {so_far}")
    if spent:
        why = f"goal not reached, and the budget of {budget:,} masks is spent: {so_far}"
        return Decision(True, False, why)
    return Decision(False, False, f"goal not reached after {of}: {so_far}")


def _wanted_r2(known: Known, goal: float) -> tuple[bool, str]:
    if known.r2 is None or known.r2_ci is None:
        return False, f"no R2 could be cross-validated; the goal is {goal:g}"
    low, high = known.r2_ci
    words = (
        f"cross-validated R2 {known.r2:.3f} ({low:.3f} to {high:.3f}), the lower end to be at least {goal:g}"
    )
    return low >= goal, words


def _wanted_width(known: Known, goal: float, targets: Sequence[str]) -> tuple[bool, str]:
    if known.ci_width is None:
        return False, f"no interaction has an interval; the goal is a width of {goal:g}"
    whose = f" ({targets[known.ci_target]!r})" if targets and known.ci_target is not None else ""
    words = f"the widest interval of a target's largest interaction{whose} is {known.ci_width:.3g} wide"
    return known.ci_width <= goal, f"{words}, the goal is {goal:g}"
