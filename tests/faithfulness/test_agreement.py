from __future__ import annotations

import numpy as np
import pytest

from spex_data.faithfulness import agreement, overall

VALUES = np.array([[1.0, -2.0], [0.5, 3.0], [np.nan, 1.0]])


def verdicts(after, seed_sd=(0.5, 0.5)):
    return [one.verdict for one in agreement(("a", "b"), VALUES, after, seed_sd)]


class TestAgreement:
    """Two measurements agree to the last bit, to rounding as training amplifies it, or not."""

    def test_the_same_bits_agree_bit_for_bit_and_so_do_the_same_failures(self):
        assert verdicts(VALUES.copy()) == ["bit for bit", "bit for bit"]

    def test_a_tenth_of_the_spread_over_seeds_is_the_limit(self):
        assert verdicts(VALUES + 0.04) == ["within tolerance", "within tolerance"]
        assert verdicts(VALUES + 0.06) == ["not", "not"]

    def test_one_row_out_of_place_is_no_agreement(self):
        other = VALUES.copy()
        other[1, 0] += 1.0
        assert verdicts(other) == ["not", "bit for bit"]

    def test_a_value_on_one_side_alone_is_no_agreement(self):
        other = VALUES.copy()
        other[2, 0] = 1.0
        assert verdicts(other) == ["not", "bit for bit"]

    def test_without_a_spread_over_seeds_a_thousandth_of_that_over_masks_counts(self):
        assert verdicts(VALUES + 1e-4, (None, None)) == ["within tolerance", "within tolerance"]
        assert verdicts(VALUES + 1e-2, (None, None)) == ["not", "not"]

    @pytest.mark.parametrize(
        ("after", "expected"),
        [
            (VALUES, "bit for bit"),
            (VALUES + np.array([0.01, 0.0]), "within tolerance"),
            (VALUES + np.array([9.0, 0.0]), "not"),
        ],
    )
    def test_the_worst_target_decides(self, after, expected):
        assert overall(agreement(("a", "b"), VALUES, after, (0.5, 0.5))) == expected

    def test_no_target_is_no_agreement(self):
        assert overall([]) == "not"
