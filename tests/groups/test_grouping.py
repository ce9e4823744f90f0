from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spex_data.errors import GroupingError
from spex_data.groups import Grouping, by_column, by_list
from spex_data.groups.grouping import make_grouping


@st.composite
def groupings(draw):
    n_groups = draw(st.integers(2, 5))
    owners = draw(
        st.permutations([*range(n_groups), *draw(st.lists(st.integers(-1, n_groups - 1), max_size=12))])
    )
    # Labels from a small alphabet, so that groups often share one.
    names = draw(st.lists(st.sampled_from("ab"), min_size=n_groups, max_size=n_groups))
    return make_grouping([f"id{row}" for row in range(len(owners))], owners, names)


class TestPartition:
    """Every example is in exactly one group, or in the core."""

    @given(groupings())
    def test_groups_and_core_hold_every_row_once(self, grouping):
        held = [row for rows in (*grouping.members, grouping.core) for row in rows]
        assert sorted(held) == list(range(grouping.n_examples))

    @given(groupings())
    def test_group_of_agrees_with_members(self, grouping):
        for group, rows in enumerate(grouping.members):
            assert set(np.flatnonzero(grouping.group_of == group)) == set(rows)
        assert set(np.flatnonzero(grouping.group_of == -1)) == set(grouping.core)

    def test_an_empty_group_is_refused(self):
        with pytest.raises(GroupingError, match=r"group 1 \('b'\) is empty"):
            make_grouping(["x", "y"], [0, 2], ["a", "b", "c"])

    def test_one_group_is_refused(self):
        with pytest.raises(GroupingError, match=r"only one group \('a'\) beside a core of 1 examples"):
            make_grouping(["x", "y"], [0, -1], ["a"])

    def test_two_examples_with_one_id_are_refused(self):
        with pytest.raises(GroupingError, match="two examples have one id"):
            make_grouping(["x", "x"], [0, 1], ["a", "b"])


class TestPresent:
    """A mask keeps the examples of its groups, and always the core."""

    @given(groupings(), st.data())
    def test_present_examples_are_the_union_of_present_groups_and_core(self, grouping, data):
        n_groups = grouping.n_groups
        mask = np.array(data.draw(st.lists(st.booleans(), min_size=n_groups, max_size=n_groups)))
        union = set(grouping.core).union(*(grouping.members[group] for group in np.flatnonzero(mask)))
        assert set(np.flatnonzero(grouping.present(mask))) == union

    @given(groupings())
    def test_many_masks_at_once_give_what_each_gives_alone(self, grouping):
        masks = np.array([[bool(i >> group & 1) for group in range(grouping.n_groups)] for i in range(4)])
        together = grouping.present(masks)
        assert together.shape == (4, grouping.n_examples)
        for mask, present in zip(masks, together, strict=True):
            assert np.array_equal(grouping.present(mask), present)

    def test_the_empty_mask_keeps_the_core_alone(self):
        grouping = by_column(["x", "y", "z"], ["a", "b", "on"], core=["on"])
        assert grouping.present(np.zeros(2, dtype=bool)).tolist() == [False, False, True]

    @pytest.mark.parametrize("mask", [np.ones(3, dtype=bool), np.ones(2), np.ones((1, 1, 2), dtype=bool)])
    def test_a_mask_of_another_form_is_refused(self, mask):
        with pytest.raises(GroupingError, match="does not fit 2 groups"):
            by_column(["x", "y"], ["a", "b"]).present(mask)


class TestKeys:
    """A group is its members: neither its label, nor its place, nor the other groups."""

    def test_two_groups_of_one_name_have_different_keys(self):
        grouping = by_list(["x", "y"], [("same", [0]), ("same", [1])])
        assert grouping.names == ("same", "same")
        assert len(set(grouping.keys)) == 2

    def test_renaming_a_group_keeps_its_key_and_the_content_hash(self):
        before = by_list(["x", "y", "z"], {"a": [0, 1], "b": [2]})
        after = by_list(["x", "y", "z"], {"other": [0, 1], "b": [2]})
        assert (before.keys, before.content_hash) == (after.keys, after.content_hash)

    @given(groupings(), st.randoms(use_true_random=False))
    def test_the_order_of_the_rows_does_not_change_the_keys(self, grouping, random):
        order = random.sample(range(grouping.n_examples), grouping.n_examples)
        ids = [grouping.example_ids[row] for row in order]
        shuffled = make_grouping(ids, [int(grouping.group_of[row]) for row in order], grouping.names)
        assert shuffled.keys == grouping.keys

    def test_moving_an_example_changes_the_keys_of_both_groups(self):
        before = by_list(["x", "y", "z"], {"a": [0, 1], "b": [2]})
        after = by_list(["x", "y", "z"], {"a": [0], "b": [1, 2]})
        assert not set(before.keys) & set(after.keys)

    def test_moving_an_example_into_the_core_changes_the_content_hash(self):
        before = by_list(["x", "y", "z"], {"a": [0], "b": [1], "on": [2]}, core=["on"])
        after = by_list(["x", "y", "z"], {"a": [0], "b": [1], "c": [2]})
        assert before.content_hash != after.content_hash


class TestTable:
    """A grouping survives its table, and a table that is none is refused."""

    @given(groupings())
    def test_a_table_gives_the_grouping_back(self, grouping):
        assert Grouping.from_table(grouping.to_table()) == grouping

    @given(groupings())
    def test_the_order_of_the_table_does_not_matter(self, grouping):
        table = grouping.to_table()
        assert Grouping.from_table(table.take(list(range(table.num_rows))[::-1])) == grouping

    def test_the_core_has_number_minus_1_and_no_name(self):
        table = by_column(["x", "y", "z"], ["a", "b", "on"], core=["on"]).to_table()
        assert table.to_pylist()[2] == {"row": 2, "example_id": "z", "group": -1, "name": None}
        assert str(table.schema.field("group").type) == "int32"

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"name": None}, "no column 'name'"),
            ({"row": [0, 0, 2]}, "lacks a row or holds one twice"),
            ({"group": [0, 0, 2]}, "numbers its groups"),
            ({"name": ["a", "c", "b"], "group": [0, 0, 1]}, "one group two names"),
        ],
    )
    def test_a_table_of_another_form_is_refused(self, changes, message):
        columns = {
            "row": [0, 1, 2],
            "example_id": ["x", "y", "z"],
            "group": [0, 1, 1],
            "name": ["a", "b", "b"],
        }
        columns = {key: value for key, value in {**columns, **changes}.items() if value is not None}
        with pytest.raises(GroupingError, match=message):
            Grouping.from_table(pa.table(columns))
