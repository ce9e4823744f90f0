"""More seeds or more masks: what a further fine-tune is best spent on, measured."""

from __future__ import annotations

from dataclasses import dataclass

from spex_data.faithfulness.noise_ceiling import NoiseCeiling


@dataclass(frozen=True)
class Allocation:
    """What to spend further fine-tunes on.

    Attributes:
        more: "masks", "seeds" or "either"; None where nothing was measured twice.
        why: In a sentence.
        noise_share: Share of one fine-tune's variance that is seed noise; None if unknown.
    """

    more: str | None
    why: str
    noise_share: float | None


def allocation(ceiling: NoiseCeiling, r2: float | None) -> Allocation:
    """Whether masks or seeds limit what is known, from the noise ceiling and what was reached.

    A training mask's second seed adds no new mask to learn from, and a new mask brings a seed of its own: at
    equal cost new masks average the noise over as many trainings and cover more of the cube as well. So more
    training masks are advised wherever predictions fall short of the ceiling. Held-out masks are another
    matter: they are what one judges by, and a low ceiling blurs the judgement.

    Args:
        ceiling: Of the held-out masks.
        r2: Reached on them; None if unknown.
    """
    if ceiling.value is None or ceiling.signal_variance is None or ceiling.seed_variance is None:
        return Allocation(
            None, "no held-out mask was trained with two seeds, so noise is unknown: heldout_seeds: 2", None
        )
    if ceiling.value == 1.0 and not ceiling.seed_variance:
        short = r2 is not None and r2 < 0.9
        more = "predictions are short of them: more masks" if short else "predictions reach them"
        return Allocation("masks" if short else "either", f"values are exact, and {more}", 0.0)
    total = ceiling.signal_variance + ceiling.seed_variance
    noise = ceiling.seed_variance / total if total > 0 else 0.0
    told = f"{noise:.0%} of one fine-tune's variance is seed noise"
    if ceiling.value < 0.8:
        return Allocation("seeds", f"{told}: judge by more masks.heldout_seeds", noise)
    if r2 is not None and r2 < 0.9 * ceiling.value:
        return Allocation("masks", f"{told}, and predictions are short of the ceiling: more masks", noise)
    return Allocation(
        "either", f"{told}, and predictions reach the ceiling: no more masks or seeds are needed", noise
    )
