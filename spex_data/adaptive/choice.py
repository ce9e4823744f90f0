"""The next masks to measure: those of which least is known, given the masks before them.

Candidates come from a stream of their own, of the study's own law. After the masks measured so far each
target has a Gaussian process over the coefficients of all sets of up to five groups; its posterior
covariances do not depend on values to come, so masks are chosen one after the other as if those before were
measured, and a batch is not redundant. Values have a say through the scales alone: which groups matter, how
large the sets are that do, how much is noise.

Masks so chosen are no draws from the law, and means under the law cannot count them: in every round half of
the masks are still drawn, and intervals, q-values and cross-validation are of those alone.

What was tried at equal budgets of n log2 n to 2 n log2 n masks, R2 against masks that are all drawn, with
its standard error: this rule +.013 (.004) with the decoder `walsh-gp` over 48 games and targets, the same
where all of a round is chosen (.014, .006); the mask that lowers the variance at masks of the law most +.006
(.007); masks on which two decoders disagree -.008 (.008). With `auto`, which has less to learn from balance,
it does not pay: +.005 (.006) over 11 games and targets, -.004 (.002) over ten planted games at 144 masks. So
masks are all drawn unless a study asks for others.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from spex_data.adaptive.belief import beliefs, most_informative
from spex_data.masks import MaskDesign
from spex_data.masks.growth import chosen_draws, with_masks, without
from spex_data.masks.streams import candidates

SHARE = 0.5
"""Of the masks of a round that are chosen; the others are drawn."""
_CANDIDATES_A_MASK, _LEAST_CANDIDATES, _MOST_CANDIDATES = 8, 256, 1024
_MOST_TARGETS, _MOST_ROWS = 12, 1500
"""Beyond these, targets at equal distances and the last rows are looked at: choosing must stay cheap."""


def next_round(
    design: MaskDesign,
    drawn: MaskDesign,
    values: NDArray[np.float64],
    measured: NDArray[np.bool_],
    end: int,
    *,
    group_keys: Sequence[str],
) -> MaskDesign:
    """A design with the masks of one more round: half of them chosen, then half drawn.

    Args:
        design: What was measured, its held-out masks among them, which are never chosen.
        drawn: A design of the same study whose training masks are all draws, `end` of them or all there are.
        values: float64[m, t] of masks of the design.
        measured: bool[m, n_groups], these masks.
        end: Training masks in all after the round.
        group_keys: Identity of each group.

    Returns:
        The same for the same values, whatever was computed in between.
    """
    wanted = end - len(design.training)
    n_chosen = int(SHARE * wanted)
    chosen = _chosen(design, values, measured, n_chosen, group_keys)
    grown = with_masks(design, chosen, chosen_draws(group_keys, chosen), np.zeros(len(chosen), np.bool_))
    fresh = np.flatnonzero(without(drawn.training, grown.training))[: end - len(grown.training)]
    return with_masks(
        grown, drawn.training[fresh], drawn.training_draws[fresh], np.ones(len(fresh), dtype=np.bool_)
    )


def _chosen(
    design: MaskDesign,
    values: NDArray[np.float64],
    measured: NDArray[np.bool_],
    count: int,
    group_keys: Sequence[str],
) -> NDArray[np.bool_]:
    """bool[count or fewer, n_groups], the masks that tell most together."""
    # A target whose values are all alike up to rounding has no scales.
    spread = values.std(axis=0)
    varying = np.flatnonzero(spread > 1e-12 * np.abs(values).max(axis=0))
    if not count or not len(varying):
        return np.zeros((0, design.n_groups), dtype=np.bool_)
    asked = min(max(_CANDIDATES_A_MASK * count, _LEAST_CANDIDATES), _MOST_CANDIDATES)
    options = _stream(design, group_keys, f"adaptive/{len(design.training)}", 2 * asked)
    options = _different(options[without(options, np.vstack([design.training, design.heldout]))])[:asked]
    looked_at = varying[np.linspace(0, len(varying) - 1, min(len(varying), _MOST_TARGETS)).astype(int)]
    known = beliefs(
        measured[-_MOST_ROWS:],
        values[-_MOST_ROWS:, looked_at],
        options,
        p=design.distribution.p,
        seed=design.seed,
    )
    return options[most_informative(known, min(count, len(options)))]


def _stream(design: MaskDesign, keys: Sequence[str], stream: str, count: int) -> NDArray[np.bool_]:
    drawn = islice(candidates(design.distribution, keys, seed=design.seed, stream=stream), count)
    return np.array([mask for _, mask in drawn], dtype=np.bool_).reshape(-1, len(keys))


def _different(masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Masks without repeats, in their order."""
    _, first = np.unique(np.packbits(masks, axis=1), axis=0, return_index=True)
    return masks[np.sort(first)]
