from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spex_data.embedded.truth import ideal_banzhaf, planted_interactions

GROUPS = [("first", frozenset({"a", "b"})), ("second", frozenset({"c"})), ("third", frozenset({"d"}))]
ARITY = {
    "either": 2,
    "rescue": 2,
    "both": 2,
    "either-plus-one": 3,
    "conflict": 2,
    "two-of-three": 3,
    "any-of-three": 3,
}


def indices(shape: str) -> dict[tuple[str, ...], float]:
    found = planted_interactions(shape, "target", GROUPS[: ARITY[shape]])
    return {planted.labels: planted.ideal for planted in found}


class TestPlantedInteractions:
    """A shape's interactions are the sets whose ideal Banzhaf index is not zero."""

    @pytest.mark.parametrize(("shape", "sign"), [("either", -1), ("rescue", 1), ("both", 1)])
    def test_a_shape_of_two_groups_is_one_pair(self, shape, sign):
        assert indices(shape) == {("first", "second"): sign}

    def test_either_plus_one_is_three_pairs_and_a_triple(self):
        assert indices("either-plus-one") == {
            ("first", "second"): -0.5,
            ("first", "third"): 0.5,
            ("second", "third"): 0.5,
            ("first", "second", "third"): -1.0,
        }

    def test_two_of_three_is_a_triple_without_pairs(self):
        assert indices("two-of-three") == {("first", "second", "third"): -2.0}

    def test_any_of_three_is_redundant_in_pairs_and_a_triple_of_the_other_sign(self):
        found = indices("any-of-three")
        assert sorted(found.values()) == [-0.5, -0.5, -0.5, 1.0]
        assert found["first", "second", "third"] == 1.0

    def test_half_of_a_conflict_is_lost_where_both_are_read(self):
        assert indices("conflict") == {("first", "second"): -0.5}

    def test_groups_are_named_by_the_ids_of_their_examples(self):
        (pair,) = planted_interactions("both", "target", GROUPS[:2])
        assert pair.groups == (frozenset({"a", "b"}), frozenset({"c"}))
        assert pair.target == "target"

    @pytest.mark.parametrize("shape", ARITY)
    def test_the_reason_names_every_group_of_the_interaction(self, shape):
        for planted in planted_interactions(shape, "target", GROUPS[: ARITY[shape]]):
            assert all(f"'{label}'" in planted.why for label in planted.labels)


class TestIdealBanzhaf:
    """The index is the mean discrete derivative over all backgrounds."""

    @given(
        n=st.integers(1, 4),
        values=st.lists(st.booleans(), min_size=16, max_size=16),
        chosen=st.sets(st.integers(0, 3)),
    )
    def test_it_is_the_mean_of_repeated_differences(self, n, values, chosen):
        def shape(*mask):
            return values[sum(bit << place for place, bit in enumerate(mask))]

        def difference(mask, members):
            if not members:
                return int(shape(*mask))
            first, *rest = members
            there, gone = list(mask), list(mask)
            there[first], gone[first] = True, False
            return difference(there, rest) - difference(gone, rest)

        members = sorted(member for member in chosen if member < n)
        masks = list(itertools.product((False, True), repeat=n))
        expected = sum(difference(mask, members) for mask in masks) / len(masks)
        assert expected == ideal_banzhaf(shape, n, members)
