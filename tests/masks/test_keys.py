from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spex_data.errors import MaskError
from spex_data.masks import as_masks, mask_key, mask_string, masks_from_strings

BITS = st.lists(st.booleans(), min_size=1, max_size=80)


class TestMaskKey:
    """A key is the identity of the bits."""

    @given(first=BITS, second=BITS)
    def test_two_masks_have_one_key_exactly_when_their_bits_are_the_same(self, first, second):
        assert (mask_key(first) == mask_key(second)) == (first == second)

    def test_a_mask_padded_with_absent_groups_is_another_mask(self):
        assert mask_key([True]) != mask_key([True, False])


class TestMaskString:
    """A string of 0 and 1 says a mask and is read back as the same mask."""

    @given(bits=BITS)
    def test_round_trip(self, bits):
        np.testing.assert_array_equal(masks_from_strings([mask_string(bits)])[0], bits)

    @pytest.mark.parametrize("bad", ["012", "01", "01x", ""])
    def test_a_string_that_is_no_mask_is_named_with_its_row(self, bad):
        with pytest.raises(MaskError, match="in row 1"):
            masks_from_strings(["010", bad])


class TestAsMasks:
    """Arrays are taken as masks only when they are masks."""

    def test_numbers_0_and_1_become_booleans(self):
        np.testing.assert_array_equal(as_masks([[0.0, 1.0]]), [[False, True]])

    @pytest.mark.parametrize(
        ("masks", "says"),
        [
            ([0, 1], "1 dimension"),
            ([[0, 1, 1]], "3 columns for 2 groups"),
            ([[0, 2]], "holds 2"),
            ([[0, np.nan]], "nan"),
        ],
    )
    def test_others_are_refused_with_the_place(self, masks, says):
        with pytest.raises(MaskError, match=says):
            as_masks(masks, n_groups=2)
