"""The expansion of trees against the trees."""

import numpy as np
import pytest

from spex_data.decoding.trees.boosting import Boosting, TreeRecipe
from spex_data.decoding.trees.spectrum import read_trees, tree_spectrum
from spex_data.spectra import FourierExpansion
from tests.strategies import all_masks


def grown(n, m, depth, seed, rounds=40):
    rng = np.random.default_rng(seed)
    masks = rng.random((m, n)) < 0.5
    recipe = TreeRecipe(max_depth=depth, learning_rate=0.3, rounds=rounds)
    return Boosting(seed=0, num_threads=1).train(recipe, masks, rng.normal(size=m) + 5.0)


class TestTreeSpectrum:
    """Coefficients are exact."""

    @pytest.mark.parametrize(
        ("n", "m", "depth"), [(1, 4, 1), (3, 8, 3), (8, 60, 2), (8, 200, 5), (9, 400, 8)]
    )
    def test_the_expansion_is_what_the_trees_predict_on_every_mask(self, n, m, depth):
        booster, count = grown(n, m, depth, seed=n)
        expansion = FourierExpansion(n, *tree_spectrum(read_trees(booster, count), max_order=depth))
        masks = all_masks(n)
        assert np.allclose(expansion.evaluate(masks), booster.predict(masks.astype(float)), atol=1e-12)

    @pytest.mark.parametrize("count", [1, 7])
    def test_the_first_trees_alone_can_be_read(self, count):
        booster, _ = grown(6, 100, 3, seed=1)
        expansion = FourierExpansion(6, *tree_spectrum(read_trees(booster, count), max_order=3))
        expected = booster.predict(all_masks(6).astype(float), num_iteration=count)
        assert np.allclose(expansion.evaluate(all_masks(6)), expected, atol=1e-12)

    def test_a_smaller_order_leaves_out_the_larger_sets_and_changes_no_other(self):
        booster, count = grown(8, 300, 5, seed=2)
        trees = read_trees(booster, count)
        whole = FourierExpansion(8, *tree_spectrum(trees, max_order=5))
        terms, coefficients = tree_spectrum(trees, max_order=2)
        assert max(map(len, terms)) == 2
        assert coefficients == pytest.approx([whole.coefficient(term) for term in terms], abs=1e-14)

    def test_adding_up_in_between_changes_nothing(self, monkeypatch):
        trees = read_trees(*grown(8, 300, 4, seed=3))
        terms, coefficients = tree_spectrum(trees, max_order=4)
        monkeypatch.setattr("spex_data.decoding.trees.spectrum._FLUSH_ROWS", 50)
        again = tree_spectrum(trees, max_order=4)
        assert again[0] == terms
        assert again[1] == pytest.approx(coefficients, abs=1e-14)

    def test_trees_without_a_split_are_a_constant(self):
        masks = np.ones((6, 3), dtype=bool)
        booster, count = Boosting(0, 1).train(TreeRecipe(3, 0.1, 5), masks, np.arange(6.0))
        terms, coefficients = tree_spectrum(read_trees(booster, count), max_order=3)
        assert terms == ((),)
        assert coefficients == pytest.approx([2.5])
