"""Matching pursuit on games whose terms are known."""

import numpy as np
import pytest

from spex_data.decoding import decoder
from spex_data.decoding.atoms import Dictionary
from spex_data.decoding.basis import PRESENT
from spex_data.decoding.matching_pursuit import kinds_of
from spex_data.decoding.pursuit import pursue
from spex_data.faithfulness import r2
from spex_data.masks import MaskDistribution
from spex_data.spectra import FourierExpansion, MoebiusExpansion

TRIPLES = MoebiusExpansion.from_mapping(
    14, {(): 1.0, (0, 1, 2): 3.0, (3, 4): 2.0, (5, 6): -2.0, (7,): 1.0}
).to_fourier()
XOR = FourierExpansion.from_mapping(14, {(0, 1): 1.0, (2, 3, 4): 1.0, (5, 6, 7): -1.0})


def drawn(game, m, noise, p=0.5, seed=0):
    rng = np.random.default_rng(seed)
    masks = rng.random((m, game.n_groups)) < p
    return masks, game.evaluate(masks) + noise * rng.normal(size=m)


class TestMatchingPursuit:
    """Atoms of the kind that a game is made of."""

    @pytest.mark.parametrize("p", [0.5, 0.7])
    @pytest.mark.parametrize("game", [TRIPLES, XOR], ids=["and", "xor"])
    def test_sparse_games_are_recovered_exactly_without_noise(self, game, p):
        masks, values = drawn(game, 200, 0.0, p)
        unseen, truth = drawn(game, 500, 0.0, p, seed=1)
        found = decoder("matching-pursuit").decode(masks, values)
        assert r2(truth, found.evaluate(unseen)) > 1 - 1e-6

    def test_planted_sets_lead_its_list(self):
        masks, values = drawn(TRIPLES, 250, 0.4)
        found = decoder("matching-pursuit").decode(masks, values).interactions()
        assert {i.members for i in found[:12] if i.order > 1} >= {(0, 1, 2), (3, 4), (5, 6)}

    def test_parities_of_three_are_found_without_any_smaller_term(self):
        masks, values = drawn(XOR, 250, 0.4)
        listed = decoder("matching-pursuit").decode(masks, values).interactions()
        assert {i.members for i in listed[:3]} == {(0, 1), (2, 3, 4), (5, 6, 7)}

    def test_noise_alone_is_predicted_by_nearly_its_mean(self):
        masks, _ = drawn(XOR, 150, 0.0)
        values = np.random.default_rng(1).normal(size=150)
        assert decoder("matching-pursuit").decode(masks, values).evaluate(masks).std() < 0.6

    def test_no_atom_is_larger_than_the_order_asked_for(self):
        masks, values = drawn(TRIPLES, 200, 0.1)
        for order in (1, 2, 3, 4):
            found = decoder("matching-pursuit", max_order=order).decode(masks, values)
            assert max(map(len, found.expansion.terms)) <= order

    @pytest.mark.parametrize("p", [0.5, 0.8])
    def test_its_intervals_cover_planted_sets_about_as_often_as_they_say(self, p):
        design = MaskDistribution("bernoulli", 14, p)
        true = TRIPLES.discrete_derivatives(design.parity_moment)
        covered = []
        for seed in range(12):
            masks, values = drawn(TRIPLES, 300, 0.6, p, seed)
            listed = decoder("matching-pursuit").decode(masks, values, design=design).interactions()
            covered += [
                i.ci[0] <= true[i.members] <= i.ci[1]
                for i in listed
                if i.ci and abs(true.get(i.members, 0)) > 0.1
            ]
        assert 0.8 <= np.mean(covered) <= 0.97


class TestKindsOf:
    """Parities differ from centred products only where p is not 1/2."""

    def test_parities_join_where_masks_are_skewed(self):
        assert set(kinds_of(0.5)) == {"centred", "and", "or", "all"}
        assert set(kinds_of(0.8)) == {"centred", "and", "or", "parity", "all"}
        assert len(kinds_of(0.8)["all"]) == 4


class TestPursue:
    """Thresholds from one search."""

    def test_a_stricter_threshold_takes_no_more_atoms(self):
        masks, values = drawn(TRIPLES, 200, 1.0)
        dictionary = Dictionary((PRESENT,), (1.0 - 2.0 * masks).astype(np.float32))
        strict, loose = pursue(dictionary, values, (2.0, 0.7), 3)
        assert set(strict) <= set(loose)
        assert (0, (0, 1, 2)) in strict
