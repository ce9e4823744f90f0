from __future__ import annotations

import numpy as np
import pytest

from spex_data.errors import GroupingError
from spex_data.groups import by_list
from spex_data.groups.grouping import make_grouping
from spex_data.groups.zoom import find_group, listed, origins, split_group

IDS = [f"{place:016x}" for place in range(8)]
GROUPING = make_grouping(IDS, [0, 1, 1, 1, 2, -1, 2, 3], ["manual", "forum", "notes", "single"])


class TestSplitGroup:
    """A split puts the parts in the group's place, and leaves all other groups and the core as they are."""

    def test_parts_take_the_place_of_their_group(self):
        finer = split_group(GROUPING, 1, ["a", "b", "a"])
        assert finer.names == ("manual", "forum / a", "forum / b", "notes", "single")
        assert finer.members == ((0,), (1, 3), (2,), (4, 6), (7,))
        assert finer.core == GROUPING.core
        assert [finer.keys[place] for place in (0, 3, 4)] == [GROUPING.keys[place] for place in (0, 2, 3)]

    def test_masks_with_all_parts_or_none_keep_the_examples_that_they_are_of(self):
        finer = split_group(GROUPING, 1, ["a", "b", "a"])
        masks = np.random.default_rng(0).random((20, 4)) < 0.5
        wide = masks[:, origins(GROUPING, 1, 2)]
        np.testing.assert_array_equal(finer.present(wide), GROUPING.present(masks))

    def test_its_list_makes_the_same_groups(self):
        finer = split_group(GROUPING, 2, ["a", "b"])
        pairs = [(one["name"], one["members"]) for one in listed(finer, "always")]
        again = by_list(IDS, pairs, core=["always"])
        assert again.content_hash == finer.content_hash

    @pytest.mark.parametrize("labels", [["a", "a", "a"], ["a", " ", "b"]])
    def test_what_gives_no_parts_is_refused(self, labels):
        with pytest.raises(GroupingError, match="--by"):
            split_group(GROUPING, 1, labels)


class TestFindGroup:
    """A group that can be split is found by its name; another is refused with what to write instead."""

    def test_it_is_found_by_its_name(self):
        assert find_group(GROUPING, "notes") == 2

    @pytest.mark.parametrize(
        ("name", "says"),
        [("Form", "'forum'"), ("single", "a single example"), ("twice", "2 groups bear that name")],
    )
    def test_what_cannot_be_split_is_said(self, name, says):
        grouping = make_grouping(IDS[:5], [0, 1, 2, 3, 3], ["twice", "twice", "single", "forum"])
        with pytest.raises(GroupingError, match=says):
            find_group(grouping, name)
