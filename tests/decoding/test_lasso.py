"""LASSO on single groups and pairs."""

import numpy as np
import pytest

from spex_data.decoding import decoder
from spex_data.decoding import lasso as module
from spex_data.decoding.basis import centred
from spex_data.decoding.lasso import candidate_terms
from spex_data.decoding.problem import checked_problem
from spex_data.faithfulness import r2
from spex_data.masks import MaskDistribution
from spex_data.spectra import FourierExpansion

GAME = FourierExpansion.from_mapping(10, {(): 2.0, (0,): 1.0, (1, 2): 0.8, (3, 4): -0.6})


def drawn(m, noise, p=0.5, seed=0):
    rng = np.random.default_rng(seed)
    masks = rng.random((m, 10)) < p
    return masks, GAME.evaluate(masks) + noise * rng.normal(size=m)


class TestLasso:
    """Few of many pairs."""

    @pytest.mark.parametrize("p", [0.3, 0.5, 0.8])
    def test_planted_pairs_lead_its_list(self, p):
        masks, values = drawn(200, 0.2, p)
        design = MaskDistribution("bernoulli", 10, p)
        found = decoder("lasso").decode(masks, values, design=design).interactions()
        assert {i.members for i in found if i.order == 2 and abs(i.value) > 1} == {(1, 2), (3, 4)}

    def test_without_noise_it_predicts_unseen_masks(self):
        masks, values = drawn(80, 0.0)
        unseen, truth = drawn(300, 0.0, seed=1)
        assert r2(truth, decoder("lasso").decode(masks, values).evaluate(unseen)) > 0.999

    def test_order_one_leaves_pairs_out(self):
        masks, values = drawn(100, 0.2)
        found = decoder("lasso", max_order=1).decode(masks, values)
        assert max(map(len, found.expansion.terms)) == 1

    def test_noise_alone_leaves_hardly_more_than_the_mean(self):
        masks, _ = drawn(150, 0.0)
        values = np.random.default_rng(3).normal(size=150)
        assert decoder("lasso").decode(masks, values).evaluate(masks).std() < 0.5


class TestCandidateTerms:
    """Which pairs are tried."""

    def test_all_of_them_where_they_are_few(self):
        problem = checked_problem(*drawn(50, 0.1))
        assert len(candidate_terms(problem, centred(0.5), 2)) == 10 + 45

    def test_those_that_correlate_most_where_they_are_many(self, monkeypatch):
        monkeypatch.setattr(module, "_MOST_PAIRS", 6)
        problem = checked_problem(*drawn(400, 0.1))
        terms = candidate_terms(problem, centred(0.5), 2)
        assert len(terms) == 10 + 6
        assert {(1, 2), (3, 4)} <= set(terms)
