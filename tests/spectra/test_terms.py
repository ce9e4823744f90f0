"""Terms worked on order by order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.errors import DecodingError
from spex_data.spectra import FourierExpansion, canonical, parity_matrix, unique_rows
from spex_data.spectra.terms import weighted_products
from tests.strategies import all_masks, sparse_games


class TestCanonical:
    """One form for a set of groups."""

    @settings(deadline=None)
    @given(st.lists(st.integers(0, 50)))
    def test_order_and_repetition_of_members_do_not_matter(self, members):
        assert canonical(members) == tuple(sorted(set(members)))


class TestUniqueRows:
    """Rows are told apart exactly, however wide."""

    @settings(deadline=None)
    @given(st.integers(0, 40), st.integers(0, 30), st.integers(1, 3000), st.integers(0, 2**32 - 1))
    def test_rows_are_restored_by_the_inverse_and_no_two_are_alike(self, count, width, largest, seed):
        rows = np.random.default_rng(seed).integers(0, largest, size=(count, width))
        unique, inverse = unique_rows(rows)
        assert np.array_equal(unique[inverse] if count else unique, rows)
        assert len({tuple(row) for row in unique.tolist()}) == len(unique)


class TestParityMatrix:
    """chi_S(m) = (-1)^(groups of S that are present)."""

    @settings(deadline=None)
    @given(sparse_games())
    def test_each_entry_counts_the_members_present(self, game):
        masks = all_masks(game.n_groups)
        expected = [[(-1) ** sum(int(mask[i]) for i in term) for term in game.terms] for mask in masks]
        assert np.array_equal(parity_matrix(masks, game.terms), expected)


class TestWeightedProducts:
    """Blocks change nothing."""

    def test_the_sum_is_the_same_in_many_blocks_as_in_one(self, monkeypatch):
        rng = np.random.default_rng(0)
        factors, terms = rng.normal(size=(30, 9)), [(), (0,), (1, 2), (0, 3, 8), (4, 5, 6, 7)]
        coefficients = rng.normal(size=(5, 2))
        whole = weighted_products(factors, terms, coefficients)
        monkeypatch.setattr("spex_data.spectra.terms._BLOCK_NUMBERS", 31)
        assert np.allclose(weighted_products(factors, terms, coefficients), whole, rtol=1e-12)


class TestCheckedTerms:
    """An expansion that is not one is refused when it is made."""

    @pytest.mark.parametrize(
        ("terms", "says"),
        [
            (((1, 0),), "not a sorted set"),
            (((0, 0),), "not a sorted set"),
            (((3,),), "not a sorted set"),
            (((-1,),), "not a sorted set"),
            (((0,), (0,)), "term twice"),
        ],
    )
    def test_what_is_wrong_with_the_terms_is_said(self, terms, says):
        with pytest.raises(DecodingError, match=says):
            FourierExpansion(3, terms, np.ones(len(terms)))

    def test_another_number_of_coefficients_is_refused(self):
        with pytest.raises(DecodingError, match="2 terms and coefficients of shape"):
            FourierExpansion(3, ((), (0,)), np.ones(3))
