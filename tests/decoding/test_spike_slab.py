"""The posterior over which atoms there are."""

import numpy as np
import pytest

from spex_data.decoding import decoder
from spex_data.decoding.sparse.prior import size_prior
from spex_data.decoding.uncertainty.posterior_rates import posterior_q_values
from spex_data.faithfulness import r2
from spex_data.masks import MaskDistribution
from spex_data.spectra import FourierExpansion, MoebiusExpansion


def drawn(game, m, noise, *, p=0.5, seed=0):
    rng = np.random.default_rng(seed)
    masks = rng.random((m, game.n_groups)) < p
    return masks, game.evaluate(masks) + noise * rng.normal(size=m)


ANDS = MoebiusExpansion.from_mapping(16, {(0, 1): 3.0, (2, 3, 4): 4.0, (5, 6): -2.0, (7,): 1.0}).to_fourier()
PARITIES = FourierExpansion.from_mapping(16, {(0, 1): 1.0, (2, 3, 4): -1.0, (5,): 0.5})


class TestSpikeSlab:
    """Few atoms are found from few masks, and doubt is said."""

    @pytest.mark.parametrize("game", [ANDS, PARITIES], ids=["ands", "parities"])
    @pytest.mark.parametrize("p", [0.5, 0.8])
    def test_a_sparse_game_without_noise_is_recovered_from_ten_masks_a_group(self, game, p):
        masks, values = drawn(game, 160, 0.0, p=p)
        found = decoder("spike-slab").decode(masks, values, design=MaskDistribution("bernoulli", 16, p))
        unseen, truth = drawn(game, 500, 0.0, p=p, seed=1)
        assert r2(truth, found.evaluate(unseen)) > 0.95

    def test_every_set_within_an_and_acts_and_next_to_nothing_else_does(self):
        masks, values = drawn(ANDS, 300, 1.0)
        acting = decoder("spike-slab").decode(masks, values).fits[0].acting
        planted = {(0, 1), (5, 6), (2, 3, 4), (2, 3), (2, 4), (3, 4)}
        assert {term for term, chance in acting.items() if chance > 0.5} == planted

    def test_pure_noise_has_no_likely_interaction(self):
        for seed in range(5):
            masks, values = drawn(FourierExpansion.from_mapping(16, {(): 0.0}), 120, 1.0, seed=seed)
            acting = decoder("spike-slab").decode(masks, values).fits[0].acting
            assert max(acting.values(), default=0.0) < 0.5

    def test_many_small_effects_of_single_groups_are_kept(self):
        rng = np.random.default_rng(3)
        game = FourierExpansion.from_mapping(48, {(i,): float(rng.normal()) for i in range(48)})
        masks, values = drawn(game, 150, 3.0)
        unseen, truth = drawn(game, 500, 0.0, seed=1)
        score = r2(truth, decoder("spike-slab").decode(masks, values).evaluate(unseen))
        linear = r2(truth, decoder("linear").decode(masks, values).evaluate(unseen))
        assert score > linear - 0.05

    def test_the_same_seed_gives_the_same_expansion_and_groups_may_be_renamed(self):
        masks, values = drawn(ANDS, 120, 0.5)
        once = decoder("spike-slab").decode(masks, values, design=MaskDistribution("bernoulli", 16))
        again = decoder("spike-slab").decode(masks, values, design=MaskDistribution("bernoulli", 16))
        assert once.expansion.coefficients.tolist() == again.expansion.coefficients.tolist()
        wider = np.insert(masks, 3, True, axis=1)
        renamed = decoder("spike-slab").decode(wider, values, design=MaskDistribution("bernoulli", 17))
        assert renamed.coefficient((0, 1)) == pytest.approx(once.coefficient((0, 1)))
        assert renamed.fits[0].acting[0, 1] == once.fits[0].acting[0, 1]


class TestSizePrior:
    """Odds follow how many atoms of a size are there."""

    def test_odds_are_the_ratio_of_beta_binomial_weights(self):
        prior = size_prior(np.array([1, 1, 2, 2, 2]), 6, 3)
        active = np.array([True, False, True, False, True])
        # of 6 singles 1 is there, b = 1; of 45 pairs 2 are, b = 22.5
        expected = np.log([1 / 6, 2 / 5, 2 / 65.5, 3 / 64.5, 2 / 65.5])
        assert prior.log_odds(active) == pytest.approx(expected)


class TestPosteriorQValues:
    """A list's expected share of false ones."""

    def test_it_is_the_mean_doubt_of_all_that_are_at_least_as_likely(self):
        found = posterior_q_values({(0, 1): 1.0, (1, 2): 0.8, (0, 1, 2): 0.9, (3,): 0.1}, (2, 3))
        assert found == pytest.approx({(0, 1): 0.0, (0, 1, 2): 0.05, (1, 2): 0.1})
