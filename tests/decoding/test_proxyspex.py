"""ProxySPEX on games whose truth is known."""

import numpy as np
import pytest

from spex_data.decoding import decoder
from spex_data.errors import DecodingError
from spex_data.faithfulness import r2
from spex_data.masks import MaskDistribution
from spex_data.spectra import FourierExpansion, MoebiusExpansion

PLANTED = MoebiusExpansion.from_mapping(
    12,
    {
        (): 10.0,
        (0, 1): 3.0,
        (2,): -2.0,
        (3,): -2.0,
        (2, 3): 2.0,
        (4,): 2.0,
        (5,): 2.0,
        (4, 5): -2.0,
        (6,): -2.0,
        (6, 7): 2.0,
        (8, 9, 10): 3.0,
    },
).to_fourier()
KINDS = {(0, 1): "complementary", (2, 3): "redundant-harm", (4, 5): "redundant", (6, 7): "antidote"}


def drawn(game, m, noise, seed=0, p=0.5):
    rng = np.random.default_rng(seed)
    masks = rng.random((m, game.n_groups)) < p
    return masks, game.evaluate(masks) + noise * rng.normal(size=m)


class TestProxySpex:
    """Trees, their expansion, and a refit."""

    @pytest.mark.parametrize("seed", [0, 1, 2])
    @pytest.mark.parametrize("p", [0.5, 0.7])
    def test_planted_interactions_come_first_with_their_sign_and_kind(self, seed, p):
        masks, values = drawn(PLANTED, 400, noise=0.5, seed=seed, p=p)
        design = MaskDistribution("bernoulli", 12, p)
        found = decoder("proxyspex", seed=seed).decode(masks, values, design=design)
        pairs = [each for each in found.interactions(max_order=3) if each.order > 1]
        # at p = .7 the pairs within the triple act too, with .7 of its strength
        leading = pairs[: 5 if p == 0.5 else 8]
        assert {*KINDS, (8, 9, 10)} <= {each.members for each in leading}
        assert {each.members: each.kind for each in leading if each.members in KINDS} == KINDS
        assert [each.value > 0 for each in leading] == [each.members != (4, 5) for each in leading]

    def test_it_predicts_masks_it_has_not_seen(self):
        masks, values = drawn(PLANTED, 400, noise=0.5)
        unseen, truth = drawn(PLANTED, 1000, noise=0.0, seed=9)
        found = decoder("proxyspex").decode(masks, values)
        assert r2(truth, found.evaluate(unseen)) > 0.97
        assert r2(truth, found.evaluate(unseen)) > r2(
            truth, decoder("linear").decode(masks, values).evaluate(unseen)
        )

    def test_its_own_estimate_of_r2_is_near_what_new_masks_give(self):
        masks, values = drawn(PLANTED, 300, noise=2.0)
        unseen, truth = drawn(PLANTED, 2000, noise=2.0, seed=9)
        found = decoder("proxyspex").decode(masks, values)
        assert found.diagnostics.cv_r2 == pytest.approx(r2(truth, found.evaluate(unseen)), abs=0.08)

    def test_pure_noise_is_predicted_by_nearly_its_mean(self):
        masks, _ = drawn(PLANTED, 200, noise=0.0)
        values = np.random.default_rng(5).normal(size=200)
        assert decoder("proxyspex").decode(masks, values).evaluate(masks).std() < 0.6

    def test_a_mean_far_from_zero_is_kept_whatever_the_terms(self):
        game = FourierExpansion.from_mapping(8, {(): 1000.0, (1, 2): 0.5})
        masks, values = drawn(game, 200, noise=0.01)
        found = decoder("proxyspex").decode(masks, values)
        assert found.coefficient(()) == pytest.approx(1000.0, abs=0.05)
        assert found.interactions()[0].members == (1, 2)

    def test_no_term_is_larger_than_the_order_asked_for(self):
        masks, values = drawn(PLANTED, 200, noise=0.5)
        for order in (1, 2, 3, 4):
            found = decoder("proxyspex", max_order=order).decode(masks, values)
            assert max(map(len, found.expansion.terms)) <= order

    def test_labels_keep_their_rows_in_one_fold(self):
        masks, values = drawn(PLANTED, 100, noise=0.5)
        found = decoder("proxyspex").decode(masks, values, groups=np.arange(len(masks)) // 50)
        assert np.isfinite(found.evaluate(masks)).all()


class TestPaperGrid:
    """The published grid, shortened here."""

    def test_it_chooses_one_of_its_recipes_and_takes_the_refit_whole_or_not_at_all(self, monkeypatch):
        monkeypatch.setattr("spex_data.decoding.trees.forest.PAPER_ROUNDS", (5, 20, 60))
        masks, values = drawn(PLANTED, 300, noise=0.5)
        found = decoder("proxyspex", grid="paper").decode(masks, values)
        settings = found.diagnostics.settings
        assert settings["depth"] in (3, 5, -1)
        assert settings["learning_rate"] in (0.1, 0.01)
        assert settings["trees"] in (5, 20, 60)
        assert settings["refit_weight"] in (0.0, 1.0)
        assert found.diagnostics.cv_r2 > 0.7

    def test_an_unknown_grid_names_the_known_ones(self):
        with pytest.raises(DecodingError, match="grid: is 'big'; write one of one, paper"):
            decoder("proxyspex", grid="big")
