from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from spex_data.reports import comparison_rows, comparison_sentence, comparison_table
from spex_data.reports.comparison import compare_documents, difference
from tests.reports.conftest import entry, result, study

NAMES = ("a", "b", "c", "d")


def one(*entries, names=NAMES, target="t"):
    return study(names, [result(target, list(entries))])


def changes(before, after, **asked):
    document = compare_documents(before, after, **asked)
    return {tuple(each["groups"]): each["status"] for each in document["targets"][0]["changes"]}


class TestChanges:
    """Only what the intervals bear out is called a change."""

    def test_a_run_beside_itself_has_no_change(self, demo):
        document = compare_documents(demo, demo)
        assert all(target["changes"] == [] for target in document["targets"])
        assert comparison_sentence(document).startswith("nothing changed")

    def test_a_difference_within_the_intervals_is_no_change(self):
        assert changes(one(entry(NAMES, (0, 1), 2.0)), one(entry(NAMES, (0, 1), 2.2))) == {}

    def test_a_sign_that_changed(self):
        assert changes(one(entry(NAMES, (0, 1), 2.0)), one(entry(NAMES, (0, 1), -2.0))) == {
            ("a", "b"): "changed sign"
        }

    def test_a_size_that_changed(self):
        found = changes(
            one(entry(NAMES, (0, 1), 2.0), entry(NAMES, (1, 2), -1.0)),
            one(entry(NAMES, (0, 1), 1.0), entry(NAMES, (1, 2), -2.0)),
        )
        assert found == {("a", "b"): "shrank", ("b", "c"): "grew"}

    def test_what_stands_out_on_one_side_and_is_known_on_the_other_appeared_or_vanished(self):
        weak, strong = entry(NAMES, (0, 1), 0.1), entry(NAMES, (0, 1), 2.0)
        assert changes(one(weak), one(strong)) == {("a", "b"): "appeared"}
        assert changes(one(strong), one(weak)) == {("a", "b"): "vanished"}

    def test_a_value_that_the_other_side_does_not_list_is_no_change_by_itself(self):
        strong = entry(NAMES, (0, 1), 2.0)
        assert changes(one(), one(strong)) == {("a", "b"): "newly listed"}
        assert changes(one(strong), one()) == {("a", "b"): "no longer listed"}

    def test_a_value_looked_up_on_the_other_side_decides(self):
        strong = entry(NAMES, (0, 1), 2.0)

        def nothing(target, groups):
            return 0.0, (-0.3, 0.3)

        def much(target, groups):
            return 1.9, (1.7, 2.1)

        assert changes(one(), one(strong), look_up=(nothing, None)) == {("a", "b"): "appeared"}
        assert changes(one(), one(strong), look_up=(much, None)) == {}

    def test_groups_are_joined_by_name_whatever_their_number(self):
        moved = ("d", "c", "b", "a")
        assert changes(one(entry(NAMES, (0, 1), 2.0)), one(entry(moved, (3, 2), 2.0), names=moved)) == {}

    def test_groups_and_targets_of_one_side_alone_are_named(self):
        document = compare_documents(one(), one(names=(*NAMES, "e"), target="u"))
        assert document["only_after"] == {"groups": ["e"], "targets": ["u"]}
        assert document["only_before"] == {"groups": [], "targets": ["t"]}

    def test_a_target_whose_unit_changed_is_not_compared(self):
        units = ({"t": "log-odds"}, {"t": "probability"})
        document = compare_documents(one(entry(NAMES, (0, 1), 2.0)), one(), units=units)
        assert document["targets"] == []
        assert document["not_comparable"] == ["t"]

    def test_swapping_the_runs_swaps_appeared_and_vanished_and_turns_the_difference(self):
        weak, strong = one(entry(NAMES, (0, 1), 0.1)), one(entry(NAMES, (0, 1), 2.0))
        there = compare_documents(weak, strong)["targets"][0]["changes"][0]
        back = compare_documents(strong, weak)["targets"][0]["changes"][0]
        assert there["difference"]["value"] == -back["difference"]["value"]
        assert there["difference"]["ci"] == pytest.approx([-end for end in back["difference"]["ci"][::-1]])


class TestDifference:
    """The interval of a difference joins two intervals."""

    def test_equal_half_widths_give_the_root_of_two_times_as_much(self):
        value, ci = difference((1.0, (0.0, 2.0)), (4.0, (3.0, 5.0)))
        assert value == 3.0
        assert ci == pytest.approx((3 - 2**0.5, 3 + 2**0.5))

    @given(*[st.tuples(st.floats(-9, 9), st.floats(0, 5), st.floats(0, 5))] * 2)
    def test_it_holds_the_difference_and_is_no_wider_than_the_two_together(self, before, after):
        (a, la, ua), (b, lb, ub) = before, after
        value, (low, high) = difference((a, (a - la, a + ua)), (b, (b - lb, b + ub)))
        assert low <= value <= high
        assert high - low <= la + ua + lb + ub + 1e-9

    def test_one_interval_unknown_leaves_the_difference_without(self):
        assert difference((1.0, None), (2.0, (1.0, 3.0))) == (1.0, None)


class TestTable:
    """The table says what changed in 80 columns, whatever the groups are called."""

    def test_hostile_names_stay_inside_80_columns(self, hostile):
        other = json.loads(json.dumps(hostile))
        for target in other["targets"]:
            for each in target["interactions"]:
                each["value"], each["ci"] = -each["value"], [-end for end in each["ci"][::-1]]
        document = compare_documents(hostile, other, differences=["torch: 1 -> 2"])
        console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
        console.print(comparison_table(document, width=80))
        text = console.export_text()
        assert max(map(len, text.splitlines())) <= 80
        assert "\x1b" not in text
        assert "torch: 1 -> 2" in text
        assert "changed sign" in text
        assert "-6.00 [-6.28, -5.72]" in text

    def test_rows_for_a_page_hold_difference_and_interval(self):
        document = compare_documents(one(entry(NAMES, (0, 1), 2.0)), one(entry(NAMES, (0, 1), -2.0)))
        assert comparison_rows(document) == [
            {
                "target": "t", "groups": "a + b", "change": "changed sign", "before": "+2.00 [+1.80, +2.20]",
                "after": "-2.00 [-2.20, -1.80]", "difference": "-4.00 [-4.28, -3.72]",
            }
        ]  # fmt: skip
