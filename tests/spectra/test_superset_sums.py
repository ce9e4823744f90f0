"""Sums over supersets against their definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.errors import DecodingError
from spex_data.spectra import superset_sums
from tests.strategies import sparse_games, subsets


def weight(size, order):
    return (1.0 + size) / (2.0 + order)


class TestSupersetSums:
    """out(S) = sum over T containing S of w(|S|, |T|) c(T)."""

    @settings(deadline=None)
    @given(sparse_games(), st.integers(0, 4))
    def test_it_is_its_definition_on_every_set_up_to_the_order(self, game, max_order):
        sets, sums = superset_sums(game.terms, game.coefficients, weight, max_order=max_order)
        found = dict(zip(sets, sums, strict=True))
        for members in subsets(range(game.n_groups), max_order=min(max_order, game.n_groups)):
            expected = sum(
                weight(len(members), len(term)) * value
                for term, value in zip(game.terms, game.coefficients, strict=True)
                if set(members) <= set(term)
            )
            assert found.pop(members, 0.0) == pytest.approx(expected, abs=1e-12)
        assert not found

    def test_no_terms_have_no_sums(self):
        assert superset_sums((), np.zeros(0), weight)[0] == ()

    def test_more_subsets_than_allowed_are_refused_before_any_is_formed(self):
        with pytest.raises(DecodingError, match="smaller max_order"):
            superset_sums((tuple(range(60)),), np.ones(1), weight)

    def test_subsets_of_weight_zero_do_not_count(self):
        def itself(size, order):
            return float(size == order)

        assert superset_sums((tuple(range(60)),), np.ones(1), itself)[0] == (tuple(range(60)),)
