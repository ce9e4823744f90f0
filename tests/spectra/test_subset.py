from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.errors import DecodingError
from spex_data.spectra import FourierExpansion, best_subset, largest_terms
from tests.strategies import all_masks, sparse_games


class TestBestSubset:
    """The subset found is one of allowed size that no single change or exchange improves."""

    @settings(max_examples=40)
    @given(
        game=sparse_games(least=2, most=7),
        data=st.data(),
        maximise=st.booleans(),
        few_groups=st.sampled_from([0, 20]),
    )
    def test_tried_or_by_a_programme_of_every_term_it_is_the_best_of_all(
        self, game, data, maximise, few_groups
    ):
        least = data.draw(st.integers(0, game.n_groups))
        most = data.draw(st.integers(least, game.n_groups))
        masks = all_masks(game.n_groups)
        allowed = masks[(masks.sum(1) >= least) & (masks.sum(1) <= most)]
        values = game.evaluate(allowed)
        found = best_subset(game, least=least, most=most, maximise=maximise, few_groups=few_groups)
        assert tuple(np.flatnonzero(found.mask)) == found.members
        assert least <= len(found.members) <= most
        assert found.value == pytest.approx(values.max() if maximise else values.min(), abs=1e-6)
        assert found.proven

    def test_what_the_programme_left_out_is_made_up_for_by_exchanges(self):
        # The programme sees single groups alone; the pair (2, 3) is worth more than both of the best.
        pairs = {(0,): -1.0, (1,): -0.9, (2, 3): 2.0, (2,): -0.5, (3,): -0.5}
        game = FourierExpansion.from_mapping(4, pairs)
        found = best_subset(game, least=2, most=2, max_terms=0, few_groups=0)
        masks = all_masks(4)
        best = game.evaluate(masks[masks.sum(1) == 2]).max()
        assert found.value == pytest.approx(best)
        assert not found.proven

    @pytest.mark.parametrize("few_groups", [0, 20])
    def test_sizes_that_no_subset_has_are_refused_either_way(self, few_groups):
        game = FourierExpansion.from_mapping(3, {(0,): 1.0})
        with pytest.raises(DecodingError, match="least <= most <= 3"):
            best_subset(game, least=2, most=4, few_groups=few_groups)


class TestLargestTerms:
    """What is cut away is smaller than what stays; single groups and the constant always stay."""

    def test_the_smallest_joint_terms_go(self):
        game = FourierExpansion.from_mapping(3, {(): 0.1, (0,): 0.01, (0, 1): 2.0, (1, 2): -3.0})
        few = largest_terms(game, 1)
        assert few.terms == ((), (0,), (1, 2))
        assert np.allclose(few.coefficients, [0.1, 0.01, -3.0])
