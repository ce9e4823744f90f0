"""Interaction indices with intervals."""

import numpy as np
import pytest

from spex_data.decoding import decoder
from spex_data.errors import DecodingError
from spex_data.indices import KINDS, index_estimate, interaction_index
from spex_data.masks import MaskDistribution
from spex_data.spectra import FourierExpansion
from tests.strategies import all_masks

GAME = FourierExpansion.from_mapping(
    6, {(): 1.0, (0,): 1.0, (1,): -0.5, (0, 1): 0.8, (2, 3): -0.6, (1, 4): 0.3, (0, 2, 5): 0.4}
)


class TestIndexEstimate:
    """Estimates of an index of one set."""

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("p", [0.5, 0.7])
    def test_with_a_fit_that_is_exact_it_is_the_index(self, kind, p):
        masks = all_masks(6)
        found = decoder("matching-pursuit").decode(
            masks, GAME.evaluate(masks), design=MaskDistribution("bernoulli", 6, p)
        )
        for members in ((0,),) if kind in ("sv", "bv") else ((0,), (0, 1), (2, 3)):
            expected = interaction_index(GAME, kind, 2).value(members)
            assert index_estimate(found, kind, members, 2).value == pytest.approx(expected, abs=1e-6)

    @pytest.mark.parametrize(("kind", "p"), [("bii", 0.7), ("fbii", 0.5), ("sii", 0.5)])
    def test_intervals_cover_at_their_level(self, kind, p):
        inside = []
        for seed in range(80):
            rng = np.random.default_rng(seed)
            masks = np.unique(rng.random((45, 6)) < p, axis=0)
            rng.shuffle(masks)
            values = GAME.evaluate(masks) + 0.5 * rng.normal(size=len(masks))
            found = decoder("linear").decode(masks, values, design=MaskDistribution("bernoulli", 6, p))
            for members in ((0, 1), (2, 3), (3, 4)):
                ci = index_estimate(found, kind, members, 2).ci
                inside.append(ci[0] <= interaction_index(GAME, kind, 2).value(members) <= ci[1])
        assert np.mean(inside) > 0.9 - 4 * np.sqrt(0.09 / len(inside))

    def test_at_one_half_the_banzhaf_index_is_the_mean_derivative(self):
        masks = np.random.default_rng(0).random((40, 6)) < 0.5
        found = decoder("linear").decode(masks, GAME.evaluate(masks), design=MaskDistribution("bernoulli", 6))
        assert index_estimate(found, "bii", (1, 0)).value == pytest.approx(found.estimate((0, 1)).value)
        assert index_estimate(found, "bii", (1, 0)).ci == pytest.approx(found.estimate((0, 1)).ci)

    def test_a_set_that_is_too_large_is_refused(self):
        masks = all_masks(6)
        found = decoder("linear").decode(masks, GAME.evaluate(masks))
        with pytest.raises(DecodingError, match="has 4 groups"):
            index_estimate(found, "bii", (0, 1, 2, 3))
