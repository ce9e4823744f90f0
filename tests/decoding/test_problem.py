"""What a decoder is given, checked at once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.decoding import NAMES, decoder
from spex_data.decoding.problem import checked_problem
from spex_data.errors import DecodingError
from spex_data.masks import MaskDistribution, design_masks

MASKS = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0], [1, 1, 1], [0, 1, 1]], dtype=bool)
VALUES = np.array([0.5, 1.0, -1.0, 2.0, 0.0])


def changed(array, place, value):
    copy = np.array(array, dtype=float)
    copy[place] = value
    return copy


BAD = {
    "NaN": ((MASKS, changed(VALUES, 2, np.nan)), "values: holds nan in row 2"),
    "infinite": ((MASKS, changed(VALUES, 0, np.inf)), "values: holds inf in row 0"),
    "NaN of one target": ((MASKS, np.stack([VALUES, changed(VALUES, 4, np.nan)], 1)), "row 4, target 1"),
    "text": ((MASKS, ["a", "b", "c", "d", "e"]), "values: are not numbers"),
    "not 0 or 1": ((changed(MASKS, (1, 2), 2), VALUES), "masks: holds 2.0 in row 1, column 2"),
    "a mask that is NaN": ((changed(MASKS, (1, 2), np.nan), VALUES), "masks: holds nan in row 1, column 2"),
    "one dimension": ((MASKS[0], VALUES[:3]), "one row a mask"),
    "too few values": ((MASKS, VALUES[:4]), r"has shape \(4,\) for 5 masks"),
    "no target": ((MASKS, np.zeros((5, 0))), "holds no target"),
    "three axes": ((MASKS, np.zeros((5, 1, 1))), r"has shape \(5, 1, 1\)"),
    "three masks": ((MASKS[:3], VALUES[:3]), "3 different masks in 3 rows .* give at least 4"),
    "three masks repeated": ((MASKS[[0, 1, 2] * 4], np.ones(12)), "3 different masks in 12 rows"),
    "no masks": ((np.zeros((0, 3), dtype=bool), np.zeros(0)), "at least one row"),
    "no groups": ((np.zeros((5, 0), dtype=bool), VALUES), "at least one row and one column"),
}


class TestCheckedProblem:
    """Bad input is refused in words, before any work."""

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("case", BAD)
    def test_every_decoder_says_what_is_wrong_and_where(self, name, case):
        (masks, values), says = BAD[case]
        with pytest.raises(DecodingError, match=says):
            decoder(name).decode(masks, values)

    def test_a_design_of_another_width_is_refused(self):
        with pytest.raises(DecodingError, match="has 3 columns, and the design has 4 groups"):
            checked_problem(MASKS, VALUES, design=MaskDistribution("bernoulli", 4))

    @pytest.mark.parametrize(
        ("labels", "says"), [([0, 1], "one label a mask"), ([7] * 5, "one label for all 5 masks")]
    )
    def test_labels_that_cannot_part_the_masks_are_refused(self, labels, says):
        with pytest.raises(DecodingError, match=says):
            checked_problem(MASKS, VALUES, groups=labels)

    @settings(deadline=None)
    @given(st.lists(st.integers(0, 4), min_size=1, max_size=20), st.integers(0, 2**32 - 1))
    def test_rows_of_the_same_mask_are_averaged_in_the_order_first_seen(self, extra, seed):
        rows = [0, 1, 2, 3, 4, *extra]
        values = np.random.default_rng(seed).normal(size=(len(rows), 2))
        problem = checked_problem(MASKS[rows], values)
        expected = [values[[row == place for row in rows]].mean(axis=0) for place in range(5)]
        assert np.array_equal(problem.masks, MASKS)
        assert np.allclose(problem.values, expected)
        assert problem.n_rows == len(rows)

    def test_a_mask_and_its_complement_share_a_label_and_others_do_not(self):
        problem = checked_problem(np.vstack([MASKS, ~MASKS[:1]]), np.arange(6.0))
        assert problem.labels[0] == problem.labels[5]
        assert problem.labels[2] == problem.labels[4]
        assert len(set(problem.labels.tolist())) == 4

    def test_the_distribution_is_the_designs_or_else_the_share_of_ones(self):
        design = design_masks(3, budget=5, p=0.4, heldout=0)
        assert checked_problem(MASKS, VALUES, design=design).distribution == design.distribution
        assert checked_problem(MASKS, VALUES).distribution.p == pytest.approx(8 / 15)
