from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.adaptive import next_round, round_ends
from spex_data.adaptive.belief import Belief, beliefs, most_informative
from spex_data.masks import design_masks, mask_string
from spex_data.masks.growth import first_masks
from spex_data.spectra import FourierExpansion

N = 8
KEYS = [f"group {place}" for place in range(N)]
GAME = FourierExpansion.from_mapping(N, {(): 1.0, (0,): 2.0, (1,): -1.0, (0, 1): 1.5, (2, 3, 4): 0.7})


def rows(masks):
    return [mask_string(mask) for mask in masks]


def grown(ends, seed=3, games=(GAME,)):
    """A design after some rounds, and the design that its draws are from."""
    whole = design_masks(N, budget=60, heldout=20, seed=seed, group_keys=KEYS)
    design = first_masks(whole, ends[0])
    for end in ends[1:]:
        values = np.stack([game.evaluate(design.training) for game in games], axis=1)
        design = next_round(design, whole, values, design.training, end, group_keys=KEYS)
    return design, whole


class TestNextRound:
    """A round adds chosen masks and then drawn ones, and leaves all that was there as it was."""

    def test_no_mask_comes_twice_and_none_is_held_out(self):
        design, whole = grown([20, 30, 45])
        both = rows(design.training) + rows(whole.heldout)
        assert len(design.training) == 45
        assert len(set(both)) == len(both)

    def test_half_of_each_further_round_is_chosen_and_the_rest_are_the_next_draws(self):
        design, whole = grown([20, 30, 45])
        assert design.lawful is not None
        assert (~design.lawful).sum() == 5 + 7
        drawn, known = rows(design.training[design.lawful]), set(rows(design.training[~design.lawful]))
        expected = [mask for mask in rows(whole.training) if mask not in known][: len(drawn)]
        assert drawn == expected

    def test_the_first_rounds_are_those_of_a_longer_study(self):
        shorter, longer = grown([20, 30])[0], grown([20, 30, 45])[0]
        assert rows(shorter.training) == rows(longer.training[:30])
        assert shorter.training_draws.tolist() == longer.training_draws[:30].tolist()

    def test_the_same_values_choose_the_same_masks_and_other_values_choose_others(self):
        other = FourierExpansion.from_mapping(N, {(5,): 1.0, (5, 6): 2.0, (6, 7): -2.0})
        assert rows(grown([20, 30])[0].training) == rows(grown([20, 30])[0].training)
        assert rows(grown([20, 40])[0].training) != rows(grown([20, 40], games=(other,))[0].training)

    def test_constant_values_choose_nothing_and_all_is_drawn(self):
        design, whole = grown([20, 30], games=(FourierExpansion.from_mapping(N, {(): 2.0}),))
        assert rows(design.training) == rows(whole.training[:30])

    def test_a_mask_keeps_its_draw_number_whichever_round_chose_it(self):
        early, late = grown([20, 30])[0], grown([20, 30, 45])[0]
        numbers = dict(zip(rows(late.training), late.training_draws.tolist(), strict=True))
        assert len(set(numbers.values())) == len(numbers)
        assert all(numbers[mask] == draw for mask, draw in zip(rows(early.training), early.training_draws))


class TestBelief:
    """What a value would tell is what conditioning on it takes away."""

    @settings(deadline=None, max_examples=25)
    @given(seed=st.integers(0, 2**31), noise=st.floats(0.05, 2.0))
    def test_covariances_after_a_value_are_those_of_the_conditional_normal(self, seed, noise):
        rng = np.random.default_rng(seed)
        factor = rng.normal(size=(5, 5))
        covariance = factor @ factor.T
        kept = [0, 1, 3, 4]
        across = covariance[np.ix_(kept, [2])]
        expected = covariance[np.ix_(kept, kept)] - across @ across.T / (covariance[2, 2] + noise)
        found = Belief(covariance, noise).measured(2).covariance[np.ix_(kept, kept)]
        np.testing.assert_allclose(found, expected, atol=1e-10)

    def test_a_batch_tells_more_together_than_the_masks_that_tell_most_alone(self):
        # two masks are nearly one, and the third tells a little less
        each = [Belief(np.array([[2.0, 1.99, 0.0], [1.99, 2.0, 0.0], [0.0, 0.0, 1.5]]), 0.1)]
        assert most_informative(each, 2) == [0, 2]

    def test_a_mask_that_was_measured_tells_less_than_others(self):
        masks = design_masks(N, budget=40, heldout=16, seed=1).training
        rng = np.random.default_rng(0)
        values = (GAME.evaluate(masks[:30]) + 0.3 * rng.normal(size=30))[:, None]
        told = beliefs(masks[:30], values, masks, p=0.5, seed=0)[0].information()
        assert told[:30].mean() < told[30:].mean()


class TestRoundEnds:
    """Rounds grow by a factor up to the budget, which the last one reaches."""

    @given(
        n=st.integers(2, 100),
        budget=st.integers(4, 5000),
        first=st.none() | st.integers(1, 300),
        growth=st.floats(1.01, 4),
    )
    def test_ends_rise_and_the_last_is_the_budget(self, n, budget, first, growth):
        ends = round_ends(n, budget, first=first, growth=growth)
        assert ends[-1] == budget
        assert all(before < after for before, after in itertools.pairwise(ends))
        assert ends[0] >= min(budget, n + 2)

    def test_the_default_rounds_are_half_as_large_again(self):
        assert round_ends(16, 256) == [64, 96, 144, 216, 256]
        assert round_ends(16, 100) == [64, 100]
