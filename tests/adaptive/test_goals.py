from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spex_data.adaptive import Known, decide, known_r2, known_so_far
from spex_data.faithfulness import noise_ceiling
from spex_data.masks import design_masks
from spex_data.spectra import FourierExpansion

UNKNOWN = noise_ceiling(np.zeros((0, 2)))


def known(r2=0.9, low=0.85, high=0.93, ceiling=0.97, ceiling_high=0.98, ci_width=None):
    return Known(r2, (low, high), ceiling, ceiling_high, ci_width)


class TestDecide:
    """A study stops when its goal is reached for sure, when nothing is to be gained, or at its budget."""

    def test_the_lower_end_must_reach_the_goal_not_the_estimate(self):
        assert not decide(known(r2=0.92, low=0.89), masks=64, budget=256, r2=0.9).stop
        reached = decide(known(r2=0.92, low=0.9), masks=64, budget=256, r2=0.9)
        assert reached.stop
        assert reached.reached
        assert "goal reached after 64 of at most 256 masks" in reached.why
        assert "0.920 (0.900" in reached.why

    def test_a_spent_budget_says_what_was_reached(self):
        spent = decide(known(), masks=256, budget=256, r2=0.95)
        assert spent.stop
        assert spent.reached is False
        assert "goal not reached, and the budget of 256 masks is spent" in spent.why
        assert "0.900 (0.850 to 0.930)" in spent.why

    def test_a_goal_above_the_ceiling_stops_when_the_ceiling_is_reached_and_not_before(self):
        near = decide(known(r2=0.835, ceiling=0.84, ceiling_high=0.86), masks=96, budget=256, r2=0.9)
        assert near.stop
        assert near.reached is False
        assert near.why.startswith("no further gain expected after 96 of at most 256 masks")
        assert "seed noise allows 0.840 (0.860 at most)" in near.why
        assert not decide(known(r2=0.7, ceiling=0.84, ceiling_high=0.86), masks=96, budget=256, r2=0.9).stop

    def test_a_width_is_a_goal_too_and_one_that_is_not_known_is_not_reached(self):
        assert decide(known(ci_width=1.4), masks=64, budget=256, ci_width=1.5).reached
        named = replace(known(ci_width=1.6), ci_target=1)
        blocked = decide(named, masks=64, budget=256, ci_width=1.5, targets=("null", "rescue"))
        assert not blocked.stop
        assert "interaction ('rescue') is 1.6 wide, the goal is 1.5" in blocked.why
        unknown = decide(known(), masks=256, budget=256, ci_width=1.5)
        assert unknown.stop
        assert "no interaction has an interval" in unknown.why

    def test_without_a_goal_the_budget_alone_ends_it(self):
        assert not decide(known(low=1.0), masks=64, budget=256).stop
        assert decide(known(), masks=256, budget=256).stop


class TestKnownR2:
    """What cross-validation says of single values is turned into what means over seeds will show."""

    def test_without_repeated_seeds_it_is_the_mean_of_the_targets_r2(self):
        values = np.random.default_rng(0).normal(size=(200, 2))
        guess = values + np.random.default_rng(1).normal(size=(200, 2)) * [0.1, 0.5]
        r2, ci = known_r2(values, guess, [UNKNOWN] * 2)
        expected = np.mean(1 - ((values - guess) ** 2).mean(axis=0) / values.var(axis=0))
        assert r2 == pytest.approx(expected)
        assert ci is not None
        assert ci[0] < r2 < ci[1]

    def test_seed_noise_that_held_out_means_lack_is_not_counted_against_it(self):
        rng = np.random.default_rng(0)
        signal = rng.normal(size=4000)
        replicates = rng.normal(size=4000)[:, None] + rng.normal(size=(4000, 4))
        ceiling = noise_ceiling(replicates)
        # a perfect decoder explains half of single values, and four fifths of means over four
        r2, _ = known_r2((signal + rng.normal(size=4000))[:, None], signal[:, None], [ceiling])
        assert r2 == pytest.approx(0.8, abs=0.03)

    def test_constant_targets_say_nothing(self):
        assert known_r2(np.ones((20, 1)), np.ones((20, 1)), [UNKNOWN]) == (None, None)

    def test_it_is_judged_on_drawn_masks_alone(self):
        game = FourierExpansion.from_mapping(8, {(): 1.0, (0,): 2.0, (0, 1): 1.0})
        design = design_masks(8, budget=60, heldout=16, seed=0)
        lawful = np.arange(60) < 40
        noise = np.where(lawful, 0.1, 3.0) * np.random.default_rng(0).normal(size=60)
        values = (game.evaluate(design.training) + noise)[:, None]
        found = [
            known_so_far(
                design.training, values, [UNKNOWN], design=each, method="lasso", max_order=2, widths=True
            )
            for each in (replace(design, lawful=lawful), design)
        ]
        assert found[0].r2 > found[1].r2 + 0.1
        assert found[0].ci_width is not None
        assert found[0].ci_target == 0
