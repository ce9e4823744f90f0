import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.decoding import NAMES, decoder
from spex_data.decoding.coded_bins import coded_bins
from spex_data.errors import DecodingError
from spex_data.masks import MaskDistribution, design_masks
from spex_data.masks.coded import least_masks
from spex_data.spectra import FourierExpansion, parity_matrix, walsh_hadamard

DEGREE = 5


def planted(n, terms, seed, degree=DEGREE):
    """A constant and so many sets of 1 to `degree` groups, with coefficients of 0.5 to 1.5 in size."""
    rng = np.random.default_rng([seed, n])
    sets = set()
    while len(sets) < terms:
        size = int(rng.integers(1, degree + 1))
        sets.add(tuple(sorted(rng.choice(n, size, replace=False).tolist())))
    return FourierExpansion.from_mapping(
        n, {(): 3.0, **{each: rng.choice([-1, 1]) * rng.uniform(0.5, 1.5) for each in sorted(sets)}}
    )


def smallest(n, seed=0, degree=DEGREE):
    return design_masks(n, scheme="spex", budget=least_masks(n, degree), seed=seed, degree=degree)


def decode(design, values, max_order=DEGREE, keep=slice(None)):
    decoding = decoder("spex", max_order=max_order)
    return decoding.decode(design.training[keep], values[keep], design=design)


def error(found, game, n_masks=2000):
    """Squared error on uniform masks, as a share of the variance."""
    masks = np.random.default_rng(9).random((n_masks, game.n_groups)) < 0.5
    truth = game.evaluate(masks)
    return float(((found.evaluate(masks) - truth) ** 2).mean() / truth.var())


class TestNoiseless:
    """Without noise a sparse game is found term by term and exactly, at the smallest budget there is."""

    @pytest.mark.parametrize("n", [16, 32, 64, 128])
    @pytest.mark.parametrize("seed", range(3))
    def test_ten_terms_are_found_exactly_at_the_smallest_budget(self, n, seed):
        game, design = planted(n, 10, seed), smallest(n, seed)
        found = decode(design, game.evaluate(design.training))
        assert set(found.expansion.terms) == set(game.terms)
        for term in game.terms:
            assert found.coefficient(term) == pytest.approx(game.coefficient(term), abs=1e-6)

    @pytest.mark.parametrize("degree", [1, 2, 3, 4])
    def test_a_lower_degree_finds_its_sets_with_fewer_masks(self, degree):
        game, design = planted(48, 8, 0, degree), smallest(48, 0, degree)
        found = decode(design, game.evaluate(design.training))
        assert len(design.training) < least_masks(48, DEGREE)
        assert set(found.expansion.terms) == set(game.terms)

    def test_a_single_set_of_many_groups_among_many_is_found(self):
        game = FourierExpansion.from_mapping(300, {(7, 80, 81, 150, 299): 1.0})
        design = smallest(300)
        found = decode(design, game.evaluate(design.training))
        assert found.coefficient((7, 80, 81, 150, 299)) == pytest.approx(1.0, abs=1e-6)

    @pytest.mark.parametrize("seed", range(3))
    def test_a_tenth_of_the_masks_missing_changes_nothing(self, seed):
        game, design = planted(40, 8, seed), design_masks(40, scheme="spex", budget=700, seed=seed)
        keep = np.random.default_rng(seed).random(len(design.training)) > 0.1
        found = decode(design, game.evaluate(design.training), keep=keep)
        assert set(found.expansion.terms) == set(game.terms)

    def test_a_held_out_mask_of_the_code_is_only_missing(self):
        game, design = planted(8, 6, 0), design_masks(8, scheme="spex", budget=112)
        found = decode(design, game.evaluate(design.training))
        assert coded_bins(design.code, design.training).known < 1
        assert set(found.expansion.terms) == set(game.terms)


class TestNoise:
    """With noise what is found predicts nearly as well as the true terms would."""

    @pytest.mark.parametrize("n", [16, 64])
    @pytest.mark.parametrize("seed", range(2))
    def test_at_snr_10_little_is_lost(self, n, seed):
        game, design = planted(n, 10, seed), design_masks(n, scheme="spex", budget=600, seed=seed)
        signal = game.evaluate(design.training)
        noise = signal.std() / np.sqrt(10) * np.random.default_rng(seed).normal(size=len(signal))
        assert error(decode(design, signal + noise), game) < 0.02

    def test_noise_alone_is_not_taken_for_sets(self):
        design = smallest(32)
        values = np.random.default_rng(0).normal(size=len(design.training))
        listed = decode(design, values).interactions(max_order=DEGREE)
        assert not [each for each in listed if each.order > 1]

    def test_repeated_rows_count_by_their_mean(self):
        game, design = planted(24, 8, 0), smallest(24)
        signal, wrong = (
            game.evaluate(design.training),
            np.random.default_rng(0).normal(size=len(design.training)),
        )
        masks, values = np.tile(design.training, (2, 1)), np.concatenate([signal + wrong, signal - wrong])
        found = decoder("spex", max_order=DEGREE).decode(masks, values, design=design)
        assert set(found.expansion.terms) == set(game.terms)
        assert found.diagnostics.n_duplicates == len(design.training)

    def test_the_score_is_of_masks_left_out(self):
        game, design = planted(32, 8, 1), design_masks(32, scheme="spex", budget=500, seed=1)
        signal = game.evaluate(design.training)
        values = signal + signal.std() * np.random.default_rng(0).normal(size=len(signal))
        assert 0.3 < decode(design, values).diagnostics.cv_r2 < 0.6


class TestOrders:
    """The code's degree says what is looked for, max_order what is reported."""

    def test_larger_sets_are_fitted_and_not_reported(self):
        game, design = planted(20, 10, 2), smallest(20)
        found = decode(design, game.evaluate(design.training), max_order=2)
        assert max(map(len, found.expansion.terms)) <= 2
        assert max(each.order for each in found.interactions(max_order=5)) <= 2
        for term in game.terms:
            if len(term) <= 2:
                assert found.coefficient(term) == pytest.approx(game.coefficient(term), abs=1e-6)

    def test_the_score_is_that_of_what_is_reported(self):
        design = smallest(20)
        values = FourierExpansion.from_mapping(20, {(1,): 1.0, (2, 3, 4): 1.0}).evaluate(design.training)
        assert decode(design, values, max_order=3).diagnostics.cv_r2 == pytest.approx(1.0)
        assert decode(design, values, max_order=2).diagnostics.cv_r2 == pytest.approx(0.5, abs=0.1)


class TestWhatItNeeds:
    """It decodes coded masks, and says so of others."""

    @pytest.mark.parametrize("design", [None, MaskDistribution("bernoulli", 8), design_masks(8, budget=60)])
    def test_masks_without_a_code_are_refused_with_what_to_do(self, design):
        masks = design_masks(8, budget=60).training
        with pytest.raises(DecodingError, match=r"masks\.scheme: spex.* or write proxyspex or auto"):
            decoder("spex").decode(masks, masks[:, 0] * 1.0, design=design)

    def test_the_design_of_another_study_is_refused(self):
        masks = design_masks(30, budget=60).training
        with pytest.raises(DecodingError, match="holds no mask of the code"):
            decoder("spex").decode(masks, masks[:, 0] * 1.0, design=smallest(30))

    @pytest.mark.parametrize("name", [name for name in NAMES if name != "spex"])
    def test_every_other_decoder_works_on_coded_masks(self, name):
        game = FourierExpansion.from_mapping(16, {(): 1.0, (0,): 2.0, (3,): -1.0, (5,): 1.5})
        design = design_masks(16, scheme="spex", budget=224)
        noise = 0.1 * np.random.default_rng(0).normal(size=len(design.training))
        found = decoder(name).decode(design.training, game.evaluate(design.training) + noise, design=design)
        assert error(found, game) < 0.05


class TestBins:
    """The transform of a block holds every set in one bin."""

    @settings(deadline=None, max_examples=25)
    @given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, DEGREE))
    def test_a_set_alone_fills_one_bin_of_each_block_and_is_its_first_candidate(self, seed, size):
        rng = np.random.default_rng(seed)
        term = tuple(sorted(rng.choice(30, size, replace=False).tolist()))
        design = design_masks(30, scheme="spex", budget=700, heldout=0)
        bins = coded_bins(design.code, design.training)
        values = parity_matrix(design.training, [term])[:, 0]
        for rows in bins.rows:
            filled = np.abs(walsh_hadamard(values[rows])) > 1e-9
            assert filled.any(axis=0).sum() == 1
        assert bins.candidates(values, patterns=1) == [term]
