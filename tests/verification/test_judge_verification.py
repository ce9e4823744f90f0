"""Verdicts on set functions whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.masks import MaskDistribution
from spex_data.spectra import FourierExpansion, MoebiusExpansion
from spex_data.verification import (
    Hypothesis,
    background_likelihood,
    by_adjusted,
    by_level,
    design_verification,
    judge,
    round_derivatives,
)
from tests.strategies import all_masks, sparse_games

N = 8
KEYS = [str(number) for number in range(N)]
FAIR = MaskDistribution("bernoulli", N)
PAIR, OTHER, TRIPLE, NULL = (0, 1), (2, 3), (4, 5, 6), (1, 7)


def game(strength=4.0):
    return MoebiusExpansion.from_mapping(
        N, {PAIR: strength, OTHER: -strength, TRIPLE: strength, (7,): 2.0, (0,): 1.0}
    ).to_fourier()


def claim(members, predicted, role="claim"):
    return Hypothesis(0, members, role, predicted)


def verified(truth, hypotheses, noise=0.0, seed=0, rounds=6, distribution=FAIR, told=None, **changes):
    """Judges values of a planted function with noise of its own for every fine-tune."""
    sets = [one.members for one in hypotheses]
    design = design_verification(distribution, KEYS, sets, budget=10**6, rounds=rounds, seed=seed)
    masks, _ = design.rows()
    values = truth.evaluate(masks).reshape(len(masks), -1)
    values = values + noise * np.random.default_rng(seed).standard_normal(values.shape)
    return judge(design, values, hypotheses, expansion=told, **changes)


class TestDerivatives:
    """A round's derivative is that of the function, whatever else the design tests."""

    @settings(max_examples=30, deadline=None)
    @given(sparse_games(least=4, most=6), st.sampled_from(["bernoulli", "stratified"]), st.floats(0.2, 0.8))
    def test_its_mean_over_all_backgrounds_is_the_index_that_is_predicted(self, truth, scheme, p):
        n = truth.n_groups
        distribution = MaskDistribution(scheme, n, p)
        face, inner = (0, 1, 2), (0, 2)
        design = design_verification(distribution, KEYS[:n], [face], budget=10**6, rounds=4, seed=0)
        every = replace(
            design,
            backgrounds=np.column_stack([all_masks(n), np.zeros(2**n, np.bool_)]),
            draws=np.arange(2**n),
        )
        values = truth.evaluate(every.rows()[0])[:, None]
        probability = np.array([background_likelihood(distribution, int(m.sum()), 0) for m in all_masks(n)])
        assert probability.sum() == pytest.approx(1.0)
        mean = probability @ round_derivatives(every, values, inner)[:, 0]
        expected = truth.discrete_derivative(inner, distribution.parity_moment)
        assert mean == pytest.approx(expected, abs=1e-9)

    def test_without_noise_the_difference_estimator_with_the_truth_has_no_error(self):
        truth = game()
        (found,) = verified(truth, [claim(PAIR, 4.0)], told=truth)
        assert found.observed.value == pytest.approx(4.0)
        assert found.observed.error == 0.0

    def test_a_wrong_expansion_does_not_bias_the_estimate(self):
        wrong = FourierExpansion.from_mapping(N, {PAIR: 9.0, (0, 1, 2): 2.0, (3,): 1.0})
        estimates = [
            verified(game(), [claim(PAIR, 4.0)], noise=0.3, seed=seed, told=wrong)[0].observed.value
            for seed in range(60)
        ]
        assert np.mean(estimates) == pytest.approx(4.0, abs=3 * np.std(estimates) / np.sqrt(60) + 0.05)

    def test_a_failed_fine_tune_costs_its_round_alone(self):
        design = design_verification(FAIR, KEYS, [PAIR, OTHER], budget=10**6, rounds=5, seed=0)
        values = game().evaluate(design.rows()[0])[:, None].copy()
        values[len(design.flips) + design.flips.index((0, 1))] = np.nan
        found = judge(design, values, [claim(PAIR, 4.0), claim(OTHER, -4.0)])
        assert [one.observed.n_rounds for one in found] == [4, 5]


class TestVerdicts:
    """Confirmed, refuted or uncertain, and as often wrong as the level says."""

    def test_true_interactions_are_confirmed_and_a_wrong_sign_is_refuted(self):
        right = verified(game(), [claim(PAIR, 4.0), claim(OTHER, -3.0), claim(TRIPLE, 5.0)], noise=0.2)
        assert [one.verdict for one in right] == ["confirmed"] * 3
        wrong = verified(game(), [claim(PAIR, -4.0), claim(OTHER, -3.0)], noise=0.2)
        assert [one.verdict for one in wrong] == ["refuted", "confirmed"]
        assert "opposite" in wrong[0].why

    def test_an_interaction_that_is_not_there_is_refuted_by_equivalence(self):
        (found,) = verified(game(), [claim(NULL, 4.0)], noise=0.1, rounds=12)
        assert (found.verdict, found.margin) == ("refuted", 1.0)
        assert found.observed.value == pytest.approx(0.0, abs=0.3)

    def test_without_a_margin_nothing_is_refuted_by_equivalence(self):
        (found,) = verified(game(), [claim(NULL, 4.0)], noise=0.1, rounds=12, margin=0.0)
        assert found.verdict == "uncertain"

    def test_noise_as_large_as_the_effect_leaves_it_uncertain(self):
        (found,) = verified(game(1.0), [claim(PAIR, 1.0)], noise=3.0, rounds=4)
        assert found.verdict == "uncertain"
        assert found.ci[0] < 0 < found.ci[1]

    def test_a_target_that_never_varies_confirms_nothing(self):
        flat = FourierExpansion.from_mapping(N, {(): 5.0})
        found = verified(flat, [claim(PAIR, 1.0), claim(OTHER, 0.0, "null")])
        assert [one.verdict for one in found] == ["refuted", "uncertain"]

    def test_all_values_missing_leaves_everything_uncertain(self):
        design = design_verification(FAIR, KEYS, [PAIR], budget=99, rounds=4, seed=0)
        (found,) = judge(design, np.full((len(design), 1), np.nan), [claim(PAIR, 1.0)])
        assert (found.verdict, found.observed.value, found.ci, found.q) == ("uncertain", None, None, None)

    def test_nulls_are_confirmed_at_most_as_often_as_the_level_says(self):
        hypotheses = [claim(members, 1.0) for members in (PAIR, OTHER, NULL, TRIPLE)]
        flat = FourierExpansion.from_mapping(N, {(): 0.0, (0,): 1.0, (5,): -2.0})
        runs = [verified(flat, hypotheses, noise=1.0, seed=seed, level=0.1) for seed in range(300)]
        some = np.mean([any(one.q <= 0.1 for one in run) for run in runs])
        assert some <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / 300)

    def test_true_effects_of_the_size_of_the_margin_are_refuted_at_most_as_often_as_the_level_says(self):
        truth = MoebiusExpansion.from_mapping(N, {PAIR: 1.0}).to_fourier()
        runs = [verified(truth, [claim(PAIR, 4.0)], noise=0.5, seed=seed, rounds=8) for seed in range(300)]
        refuted = np.mean([run[0].q_equivalent <= 0.1 for run in runs])
        assert refuted <= 0.1 + 3 * np.sqrt(0.1 * 0.9 / 300)

    def test_intervals_exclude_zero_exactly_for_what_the_control_rejects(self):
        hypotheses = [claim(PAIR, 1.0), claim(OTHER, -1.0), claim(NULL, 1.0), claim(TRIPLE, 1.0)]
        for seed in range(20):
            for one in verified(game(1.0), hypotheses, noise=0.6, seed=seed, rounds=5):
                assert (one.ci[0] > 0 or one.ci[1] < 0) == (one.q <= 0.1)

    def test_what_dropping_each_group_would_leave_is_told_as_retrained(self):
        design = design_verification(FAIR, KEYS, [PAIR], front=[PAIR], budget=999, rounds=4, seed=0)
        masks = design.rows()[0]
        (found,) = judge(design, game().evaluate(masks)[:, None], [claim(PAIR, 4.0)])
        everything = np.ones(N, np.bool_)
        for absent, left in found.corners.items():
            mask = everything.copy()
            mask[list(absent)] = False
            assert left == pytest.approx(game().evaluate(mask[None])[0])
            if absent:
                assert found.changes[absent].value == pytest.approx(left - found.corners[()])
        assert len(found.corners) == 4

    def test_what_dropping_does_is_told_of_the_same_seeds_so_a_noisy_seed_changes_no_interval(self):
        design = design_verification(
            FAIR, KEYS, [PAIR], front=[PAIR], budget=999, rounds=4, full_rounds=5, seed=0
        )
        masks, seeds = design.rows()
        lift = dict(zip(sorted(set(seeds.tolist())), np.random.default_rng(0).normal(0, 9, 99), strict=False))
        values = game().evaluate(masks) + [lift[seed] for seed in seeds.tolist()]
        (found,) = judge(design, values[:, None], [claim(PAIR, 4.0)])
        for change in found.changes.values():
            assert change.n_rounds == 5
            low, high = change.interval(0.1)
            assert high - low < 1e-9

    def test_controls_cost_claims_nothing(self):
        claims = [claim(PAIR, 4.0), claim(OTHER, -4.0)]
        controls = [claim(NULL, 0.0, "null")]
        alone, beside = (verified(game(), some, noise=0.0) for some in (claims, claims + controls))
        assert [one.q for one in alone] == [one.q for one in beside[:2]]

    def test_a_sign_that_changes_with_the_scale_is_marked(self):
        design = design_verification(FAIR, KEYS, [PAIR], budget=10**6, rounds=6, seed=0)
        masks = design.rows()[0]
        noise = 0.01 * np.random.default_rng(0).standard_normal((2, len(masks), 1))
        values = game().evaluate(masks)[:, None] + noise[0]
        hypotheses = [claim(PAIR, 4.0)]
        same = judge(design, values, hypotheses, scales={"probability": values / 9})
        turned = judge(design, values, hypotheses, scales={"probability": noise[1] - values / 9})
        assert (same[0].scale_dependent, turned[0].scale_dependent) == (False, True)
        assert judge(design, values, hypotheses)[0].scale_dependent is None


class TestMultiplicity:
    """Benjamini and Yekutieli's procedure."""

    def test_adjusted_values_are_those_of_the_step_up_by_hand(self):
        harmonic = 1 + 1 / 2 + 1 / 3
        expected = np.array([0.01 * 3 * harmonic, 0.03 * 3 / 2 * harmonic, min(1.0, 0.5 * harmonic)])
        np.testing.assert_allclose(by_adjusted([0.01, 0.03, 0.5]), expected)

    def test_what_was_not_tested_counts_as_no_test(self):
        np.testing.assert_allclose(by_adjusted([0.01, np.nan]), [0.01, np.nan])

    @given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.01, 0.5))
    def test_the_level_of_single_tests_rejects_what_the_procedure_rejects(self, p, level):
        adjusted = by_adjusted(p)
        if (np.abs(adjusted - level) > 1e-9).all():
            np.testing.assert_array_equal(np.array(p) <= by_level(p, level) * (1 + 1e-12), adjusted <= level)
