"""The preset for many targets."""

from itertools import combinations

import numpy as np
import pytest

from spex_data.decoding import decoder
from spex_data.decoding import fast as module
from spex_data.decoding.basis import centred
from spex_data.decoding.fast import _smooth
from spex_data.faithfulness import r2
from spex_data.spectra import FourierExpansion, products

GAMES = [
    FourierExpansion.from_mapping(
        12, {(): 3.0, (0, 1): 1.0, (2,): 0.7, (k, k + 4): -0.8, (5, 6, 7): 0.5 * (k % 2)}
    )
    for k in range(4)
]


def drawn(m, noise, seed=0, p=0.5):
    rng = np.random.default_rng(seed)
    masks = rng.random((m, 12)) < p
    values = np.stack([game.evaluate(masks) for game in GAMES], axis=1)
    return masks, values + noise * rng.normal(size=values.shape)


class TestFast:
    """Many targets on one design."""

    @pytest.mark.parametrize("p", [0.5, 0.8])
    def test_every_target_is_predicted_on_unseen_masks(self, p):
        masks, values = drawn(250, 0.3, p=p)
        unseen, truth = drawn(500, 0.0, seed=1, p=p)
        guess = decoder("fast").decode(masks, values).evaluate(unseen)
        assert all(r2(truth[:, k], guess[:, k]) > 0.9 for k in range(4))

    def test_planted_pairs_lead_each_targets_list(self):
        masks, values = drawn(250, 0.3)
        for k, listed in enumerate(decoder("fast").decode(masks, values).interactions()):
            assert {(0, 1), (k, k + 4)} <= {i.members for i in listed[:4]}

    def test_a_part_of_the_rows_decomposed_predicts_all(self, monkeypatch):
        monkeypatch.setattr(module, "_MOST_ROWS", 150)
        masks, values = drawn(400, 0.1)
        unseen, truth = drawn(500, 0.0, seed=1)
        guess = decoder("fast").decode(masks, values).evaluate(unseen)
        assert all(r2(truth[:, k], guess[:, k]) > 0.9 for k in range(4))

    def test_the_order_falls_where_targets_and_sets_are_many(self, monkeypatch):
        monkeypatch.setattr("spex_data.decoding.gaussian.fit._MOST_NUMBERS", 400)
        masks, values = drawn(100, 0.1)
        assert max(map(len, decoder("fast").decode(masks, values).expansion.terms)) == 2


class TestSmooth:
    """Kernel ridge is ridge on every set."""

    def test_its_coefficients_are_those_of_a_regression_with_the_same_prior(self):
        masks, values = drawn(60, 0.5)
        terms = [term for size in (1, 2) for term in combinations(range(12), size)]
        factors = centred(0.5).factors(masks)
        found = _smooth(factors, values[:, :1], terms, 2, 0, ((1.0, 0.5),))
        prior = np.array([1 / 12 if len(term) == 1 else 0.5 / 66 for term in terms])
        columns = products(factors, terms) * np.sqrt(prior)
        columns = columns - columns.mean(axis=0)
        centre = values[:, 0] - values[:, 0].mean()
        # the penalty it chose is the one that reproduces its fit
        fits = []
        for penalty in np.concatenate([[0.0], np.logspace(-6, 2, 17)]) * 60:
            solved = columns.T @ np.linalg.pinv(columns @ columns.T + penalty * np.eye(60)) @ centre
            fits.append(np.abs(solved * np.sqrt(prior) - found.coefficients[:, 0]).max())
        assert min(fits) < 1e-6
