"""Masks as a sample of known law."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.decoding.uncertainty.sampling import follows, sample
from spex_data.masks import MaskDistribution, design_masks
from tests.strategies import all_masks, dense_tables, subsets

LAWS = (("bernoulli", 0.5), ("bernoulli", 0.8), ("stratified", 0.5))


def probabilities(law):
    """float64[2^n], in `all_masks` order."""
    masks = all_masks(law.n_groups)
    present = masks.sum(axis=1)
    if law.scheme == "bernoulli":
        return law.p**present * (1 - law.p) ** (law.n_groups - present)
    same = np.bincount(present)[present]
    return 1.0 / (same * (law.n_groups + 1))


class TestWeights:
    """A mean discrete derivative is the mean of weighted values."""

    @settings(max_examples=20, deadline=None)
    @given(dense_tables(least=3, most=6), st.sampled_from(LAWS))
    def test_weighted_means_are_the_derivatives_of_brute_force(self, game, law):
        n, table = game
        law = MaskDistribution(law[0], n, law[1])
        masks, chances = all_masks(n), probabilities(law)
        terms = [term for term in subsets(range(n), max_order=3) if term]
        weights = sample(masks, law).weights(terms)
        for term, column in zip(terms, weights.T, strict=True):
            bits = sum(1 << member for member in term)
            places = np.arange(2**n)
            derivative = sum(
                (-1.0) ** (len(term) - len(part))
                * table[(places & ~bits) | sum(1 << member for member in part)]
                for part in subsets(term)
            )
            assert (chances * table) @ column == pytest.approx(chances @ derivative, abs=1e-9)

    @pytest.mark.parametrize(("scheme", "p"), LAWS)
    def test_the_energy_is_the_mean_square_of_the_weights(self, scheme, p):
        law = MaskDistribution(scheme, 6, p)
        drawn = sample(all_masks(6), law)
        for size in (1, 2, 3):
            weights = drawn.weights([tuple(range(size))])[:, 0]
            assert drawn.energy(size) == pytest.approx(probabilities(law) @ weights**2)


class TestShares:
    """What a mask counts follows from how likely it was to be drawn, once, among so many."""

    @pytest.mark.parametrize(("scheme", "p"), LAWS)
    def test_of_all_masks_each_counts_its_probability(self, scheme, p):
        law = MaskDistribution(scheme, 6, p)
        drawn = sample(all_masks(6), law)
        assert drawn.shares == pytest.approx(probabilities(law))
        assert drawn.inclusion == pytest.approx(1.0)

    def test_few_of_many_masks_count_alike(self):
        masks = design_masks(30, budget=100, p=0.6, heldout=0).training
        drawn = sample(masks, MaskDistribution("bernoulli", 30, 0.6))
        assert drawn.shares == pytest.approx(1 / 100, rel=1e-3)
        assert drawn.inclusion.max() < 1e-3

    @pytest.mark.parametrize(("scheme", "p"), LAWS)
    def test_means_over_designs_without_repeats_are_those_of_the_law(self, scheme, p):
        law = MaskDistribution(scheme, 6, p)
        table = np.random.default_rng(0).normal(size=64)
        codes = 1 << np.arange(6)
        found = []
        for seed in range(300):
            masks = design_masks(6, budget=40, scheme=scheme, p=p, heldout=0, seed=seed).training
            found.append(sample(masks, law).shares @ table[masks @ codes])
        error = np.std(found) / np.sqrt(len(found))
        assert abs(np.mean(found) - probabilities(law) @ table) < 4 * error


class TestFollows:
    """Masks of another law are told apart."""

    @pytest.mark.parametrize(("scheme", "p"), LAWS)
    def test_masks_of_the_law_follow_it(self, scheme, p):
        for seed in range(5):
            masks = design_masks(12, budget=150, scheme=scheme, p=p, heldout=0, seed=seed).training
            assert follows(sample(masks, MaskDistribution(scheme, 12, p)))

    def test_all_masks_follow_every_law(self):
        for scheme, p in LAWS:
            assert follows(sample(all_masks(5), MaskDistribution(scheme, 5, p)))

    def test_groups_with_other_probabilities_do_not(self):
        masks = np.random.default_rng(0).random((200, 8)) < np.linspace(0.2, 0.8, 8)
        masks = np.unique(masks, axis=0)
        assert not follows(sample(masks, MaskDistribution("bernoulli", 8, 0.5)))

    def test_groups_that_go_together_do_not(self):
        rng = np.random.default_rng(0)
        masks = rng.random((200, 8)) < 0.5
        masks[:, 1] = masks[:, 0] ^ (rng.random(200) < 0.1)
        masks = np.unique(masks, axis=0)
        assert not follows(sample(masks, MaskDistribution("bernoulli", 8, 0.5)))
