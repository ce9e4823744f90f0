"""Estimates that do not depend on what a fit shrank or left out."""

from itertools import product

import numpy as np
import pytest

from spex_data.decoding import decoder
from spex_data.decoding.uncertainty.crossfit import FoldFits
from spex_data.decoding.uncertainty.debiased import cross_fit
from spex_data.decoding.uncertainty.sampling import Sample, sample
from spex_data.masks import MaskDistribution
from spex_data.spectra import FourierExpansion
from tests.strategies import all_masks

PAIRS = FourierExpansion.from_mapping(
    10, {(): 2.0, (0,): 1.0, (1,): -0.5, (0, 1): 0.8, (2, 3): 0.6, (4, 5): -0.4, (6, 7, 8): 0.5}
)


def drawn(m, p, seed, noise=0.7):
    rng = np.random.default_rng(seed)
    masks = rng.random((m, 10)) < p
    return masks, PAIRS.evaluate(masks) + noise * rng.normal(size=m), MaskDistribution("bernoulli", 10, p)


class TestCrossFit:
    """Estimates of any set, from fits without each fold and the rows of that fold."""

    def test_the_mean_over_all_designs_is_the_truth_whatever_the_fit(self):
        law, masks = MaskDistribution("bernoulli", 2, 0.5), all_masks(2)
        truth = FourierExpansion.from_mapping(2, {(): 1.0, (0,): -2.0, (0, 1): 3.0})
        fold_of = np.array([0, 0, 1, 1])
        found = []
        for rows in product(range(4), repeat=4):
            chosen = masks[list(rows)]
            values = truth.evaluate(chosen)
            fits = tuple(
                # nothing like a good fit: made of the largest value of the other fold
                FourierExpansion.from_mapping(
                    2, {(): 0.0, (1,): values[fold_of != fold].max() ** 2, (0, 1): 7.0}
                )
                for fold in (0, 1)
            )
            even = np.full(4, 0.25)
            fit = cross_fit(Sample(chosen, law, even, np.zeros(4)), values, FoldFits(fold_of, fits))
            found.append(fit.estimates([(0,), (1,), (0, 1)]).values)
        expected = [truth.discrete_derivative(term, law.parity_moment) for term in [(0,), (1,), (0, 1)]]
        assert np.mean(found, axis=0) == pytest.approx(expected, abs=1e-9)

    def test_a_set_of_which_no_mask_shows_a_corner_has_no_interval(self):
        masks = all_masks(4)
        masks = masks[~(masks[:, 0] & masks[:, 1])]
        law = MaskDistribution("bernoulli", 4, 0.5)
        fits = tuple(FourierExpansion.from_mapping(4, {(): 0.0}) for _ in range(2))
        folds = FoldFits(np.arange(len(masks)) % 2, fits)
        fit = cross_fit(sample(masks, law), masks.sum(axis=1) * 1.0, folds)
        assert np.isinf(fit.estimates([(0, 1), (2, 3)]).errors).tolist() == [True, False]

    @pytest.mark.parametrize("p", [0.5, 0.8])
    @pytest.mark.parametrize("name", ["fast", "linear"])
    def test_intervals_cover_at_their_level(self, name, p):
        terms = [(0, 1), (2, 3), (4, 5), (6, 7), (0, 9), (2, 4), (6, 7, 8), (0, 1, 2)]
        inside = []
        for seed in range(40):
            masks, values, law = drawn(160, p, seed)
            found = decoder(name).decode(masks, values, design=law)
            for term in terms:
                low, high = found.estimate(term).ci or (-np.inf, np.inf)
                inside.append(low <= PAIRS.discrete_derivative(term, law.parity_moment) <= high)
        assert abs(np.mean(inside) - 0.9) < 4 * np.sqrt(0.09 / len(inside))

    def test_repeated_masks_tell_noise_from_what_the_fit_misses(self):
        # a linear fit misses the pair, but all masks are there: an interval need not allow for others
        game = FourierExpansion.from_mapping(4, {(0,): 1.0, (0, 1): 5.0})
        law = MaskDistribution("bernoulli", 4, 0.5)
        inside = []
        for seed in range(20):
            masks = np.tile(all_masks(4), (8, 1))
            values = game.evaluate(masks) + 0.3 * np.random.default_rng(seed).normal(size=len(masks))
            known = decoder("linear").decode(masks, values, design=law)
            once = decoder("linear").decode(known.masks, known.values[:, 0], design=law)
            assert known.estimate((2, 3)).error < 0.8 * once.estimate((2, 3)).error
            inside += [
                abs(known.estimate(term).value - game_value) < 3 * known.estimate(term).error
                for term, game_value in (((0, 1), 20.0), ((2, 3), 0.0))
            ]
        assert np.mean(inside) > 0.9

    def test_without_noise_and_with_a_fit_that_is_exact_intervals_are_as_wide_as_rounding(self):
        masks, values, law = drawn(200, 0.5, 0, noise=0.0)
        found = decoder("matching-pursuit").decode(masks, values, design=law)
        assert found.estimate((2, 3)).value == pytest.approx(2.4, abs=1e-6)
        assert found.estimate((2, 3)).error < 1e-6


class TestMasksForWidth:
    """How many masks an interval of some width takes."""

    def test_a_design_of_that_many_masks_has_about_that_width(self):
        masks, values, law = drawn(150, 0.5, 1)
        found = decoder("lasso").decode(masks, values, design=law)
        low, high = found.estimate((0, 1)).ci
        wanted = found.masks_for_width((0, 1), (high - low) / 2)
        assert wanted == pytest.approx(4 * len(found.masks), abs=2)
        masks, values, law = drawn(wanted, 0.5, 2)
        again = decoder("lasso").decode(masks, values, design=law).estimate((0, 1)).ci
        assert again[1] - again[0] == pytest.approx((high - low) / 2, rel=0.3)
