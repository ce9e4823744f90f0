from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spex_data.errors import GroupingError
from spex_data.groups import by_column, by_kmeans, by_list, by_shards, read_assignments


def ids(n):
    return [f"{row:016x}" for row in range(n)]


def parts_of(grouping):
    return {frozenset(grouping.example_ids[row] for row in rows) for rows in grouping.members}


class TestByColumn:
    """One group a value, in order of first appearance."""

    @given(st.lists(st.sampled_from("abcd"), min_size=2).filter(lambda values: len(set(values)) > 1))
    def test_a_group_holds_the_rows_of_its_value(self, values):
        grouping = by_column(ids(len(values)), values)
        assert grouping.names == tuple(dict.fromkeys(values))
        for name, rows in zip(grouping.names, grouping.members, strict=True):
            assert list(rows) == [row for row, value in enumerate(values) if value == name]

    def test_values_of_the_core_are_no_groups(self):
        grouping = by_column(ids(4), ["a", "on", "b", "on"], core=["on"])
        assert (grouping.names, grouping.core) == (("a", "b"), (1, 3))

    def test_a_core_value_that_no_example_has_names_the_nearest(self):
        with pytest.raises(GroupingError, match="'repaly', which no example has; did you mean 'replay'"):
            by_column(ids(3), ["a", "b", "replay"], core=["repaly"])

    def test_a_column_of_one_value_is_refused(self):
        with pytest.raises(
            GroupingError, match=r"only one group \('a'\), and interactions need at least two"
        ):
            by_column(ids(2), ["a", "a"])

    def test_a_column_whose_every_value_is_core_is_refused(self):
        with pytest.raises(GroupingError, match="there is no group"):
            by_column(ids(2), ["a", "a"], core=["a"])

    def test_a_row_without_a_value_is_named(self):
        with pytest.raises(GroupingError, match="row 1 has no value"):
            by_column(ids(3), ["a", "", "b"])

    def test_another_number_of_values_than_examples_is_refused(self):
        with pytest.raises(GroupingError, match="3 examples and 2 values"):
            by_column(ids(3), ["a", "b"])


class TestByList:
    """The groups are those listed, by row number or example id."""

    def test_rows_and_ids_name_the_same_examples(self):
        by_rows = by_list(ids(3), {"a": [0, 2], "b": [1]})
        assert by_list(ids(3), {"a": [ids(3)[0], 2], "b": [ids(3)[1]]}) == by_rows

    def test_the_order_is_that_of_the_list(self):
        assert by_list(ids(2), {"late": [1], "early": [0]}).names == ("late", "early")

    def test_two_groups_of_one_name_stay_two(self):
        grouping = by_list(ids(3), [("same", [0]), ("same", [1, 2])])
        assert grouping.members == ((0,), (1, 2))

    def test_the_core_takes_every_group_of_its_name(self):
        grouping = by_list(ids(4), [("on", [0]), ("a", [1]), ("on", [2]), ("b", [3])], core=["on"])
        assert (grouping.names, grouping.core) == (("a", "b"), (0, 2))

    @pytest.mark.parametrize(
        ("assignments", "core", "message"),
        [
            ({"a": [0, 1], "b": [1, 2]}, (), "example 1 is in two groups, 'a' and 'b'"),
            ({"a": [0, ids(3)[0]], "b": [1, 2]}, (), "is in group 'a' twice"),
            ([("a", [0]), ("a", [0, 1, 2])], (), "two groups, 'a' and 'a'"),
            ({"a": [0], "b": [1]}, (), r"1 of 3 examples are in no group \(rows 2\)"),
            ({"a": [0], "b": [1, 2], "c": []}, (), r"group 2 \('c'\) is empty"),
            (
                {"a": [0], "b": [1, 3]},
                (),
                "group 'b' lists 3, which is no example; list row numbers from 0 to 2",
            ),
            ({"a": [0], "b": [-1]}, (), "lists -1"),
            ({"a": [True], "b": [0]}, (), "lists True"),
            ({"a": ["0"], "b": [1]}, (), "lists '0'"),
            ({"a": [0, 1, 2]}, (), "only one group"),
            ({"a": [0], "b": [1], "c": [2]}, ("on",), "core is to hold 'on', which is not in the list"),
        ],
    )
    def test_a_list_that_is_no_partition_is_refused(self, assignments, core, message):
        with pytest.raises(GroupingError, match=message):
            by_list(ids(3), assignments, core=core)


class TestReadAssignments:
    """A JSON file of groups, as a mapping or as a list of records."""

    def write(self, tmp_path, text):
        (tmp_path / "groups.json").write_text(text)
        return str(tmp_path / "groups.json")

    def test_a_mapping_and_a_list_of_records_say_the_same(self, tmp_path):
        mapping = read_assignments(self.write(tmp_path, '{"a": [0, "id"], "b": [1]}'))
        records = [{"name": "a", "members": [0, "id"]}, {"name": "b", "members": [1]}]
        assert mapping == read_assignments(self.write(tmp_path, json.dumps(records)))
        assert mapping == [("a", [0, "id"]), ("b", [1])]

    def test_a_name_written_twice_in_a_mapping_gives_two_groups(self, tmp_path):
        assert read_assignments(self.write(tmp_path, '{"a": [0], "a": [1]}')) == [("a", [0]), ("a", [1])]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('{"a": [0],}', "no JSON at line 1"),
            ('{"a": 0}', "group 'a' has no list of members"),
            ('[{"name": "a"}]', "group 0 has not a name and members"),
            ("[[0]]", "group 0 has not a name and members"),
            ("3", "holds int, not groups"),
        ],
    )
    def test_another_form_is_refused(self, tmp_path, text, message):
        with pytest.raises(GroupingError, match=message):
            read_assignments(self.write(tmp_path, text))

    def test_a_missing_file_says_what_to_write_in_it(self, tmp_path):
        with pytest.raises(GroupingError, match="no such file; write"):
            read_assignments(str(tmp_path / "no.json"))


class TestByShards:
    """Shards are even, random, and do not depend on the order of the rows."""

    @given(st.integers(2, 40), st.data(), st.integers(0, 9))
    def test_sizes_differ_by_at_most_one(self, n, data, seed):
        k = data.draw(st.integers(2, n))
        sizes = [len(rows) for rows in by_shards(ids(n), k, seed=seed).members]
        assert len(sizes) == k
        assert max(sizes) - min(sizes) <= 1

    @given(st.randoms(use_true_random=False))
    def test_the_order_of_the_rows_does_not_matter(self, random):
        shuffled = random.sample(ids(20), 20)
        assert parts_of(by_shards(shuffled, 4, seed=0)) == parts_of(by_shards(ids(20), 4, seed=0))

    def test_another_seed_gives_other_shards(self):
        assert parts_of(by_shards(ids(20), 4, seed=0)) != parts_of(by_shards(ids(20), 4, seed=1))

    def test_shards_are_numbered_by_first_appearance(self):
        grouping = by_shards(ids(20), 10, seed=0)
        assert grouping.names[0] == "shard 01"
        assert [rows[0] for rows in grouping.members] == sorted(rows[0] for rows in grouping.members)

    @pytest.mark.parametrize("k", [1, 4])
    def test_a_number_of_shards_out_of_range_is_refused(self, k):
        with pytest.raises(GroupingError, match=f"groups.k: {k} shards .* 3 examples; write 2 to 3"):
            by_shards(ids(3), k, seed=0)


class TestByKmeans:
    """Examples with near embeddings share a group."""

    def clouds(self):
        centres = np.array([[0, 0], [9, 0], [0, 9]], dtype=np.float32)
        noise = np.random.default_rng(0).normal(0, 0.1, (30, 2)).astype(np.float32)
        return np.tile(centres, (10, 1)) + noise

    def test_separate_clouds_are_found(self):
        grouping = by_kmeans(ids(30), self.clouds(), 3, seed=0)
        assert grouping.members == tuple(tuple(range(start, 30, 3)) for start in range(3))
        assert grouping.names == ("cluster 1", "cluster 2", "cluster 3")

    @settings(max_examples=5, deadline=None)
    @given(st.permutations(range(24)))
    def test_the_order_of_the_rows_does_not_matter(self, order):
        points = np.random.default_rng(1).normal(size=(24, 3)).astype(np.float32)
        shuffled = by_kmeans([ids(24)[row] for row in order], points[list(order)], 5, seed=0)
        assert parts_of(shuffled) == parts_of(by_kmeans(ids(24), points, 5, seed=0))

    def test_more_clusters_than_distinct_embeddings_are_refused(self):
        points = np.zeros((4, 2), dtype=np.float32)
        points[0] = 1
        with pytest.raises(GroupingError, match="3 clusters cannot be made from 2 distinct embeddings"):
            by_kmeans(ids(4), points, 3, seed=0)

    @pytest.mark.parametrize("points", [np.zeros((3, 2)), np.full((4, 2), np.nan), np.zeros(4)])
    def test_embeddings_that_do_not_fit_are_refused(self, points):
        with pytest.raises(GroupingError, match="do not fit 4 examples"):
            by_kmeans(ids(4), points, 2, seed=0)
