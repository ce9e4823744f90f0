from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spex_data.spectra import every_value, walsh_hadamard
from tests.strategies import all_masks, sparse_games


class TestTransform:
    """Butterflies are a faster way to the sum that defines the transform."""

    @given(bits=st.integers(0, 6), seed=st.integers(0, 2**32 - 1))
    def test_the_transform_equals_its_definition(self, bits, seed):
        values = np.random.default_rng(seed).normal(size=(3, 2**bits))
        places = (np.arange(2**bits)[:, None] >> np.arange(bits)) & 1
        expected = values @ (1.0 - 2.0 * (places @ places.T % 2)) / 2**bits
        assert np.allclose(walsh_hadamard(values), expected, atol=1e-12)


class TestEveryValue:
    """All values at once are those that an expansion gives mask by mask."""

    @given(sparse_games(most=8))
    def test_they_are_the_values_of_all_masks(self, game):
        masks = all_masks(game.n_groups)
        places = masks @ (1 << np.arange(game.n_groups))
        assert np.allclose(every_value(game)[places], game.evaluate(masks), atol=1e-9)
