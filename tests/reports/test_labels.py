from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from spex_data.reports.labels import distinct_labels, inert, interval, listed, share, shares, shorten, signed

anything = st.text(st.characters(), max_size=80)


class TestInert:
    """What acts on a terminal, or on the text around it, is taken out of a name."""

    @given(anything)
    def test_no_control_character_surrogate_or_line_break_is_left(self, text):
        assert not {"Cc", "Cs", "Zl", "Zp"} & {unicodedata.category(character) for character in inert(text)}

    @given(anything)
    def test_doing_it_twice_changes_nothing(self, text):
        assert inert(inert(text)) == inert(text)

    def test_letters_of_every_script_and_emoji_stay(self):
        assert inert("עברית 日本語 👩‍🔧 [red]") == "עברית 日本語 👩‍🔧 [red]"

    def test_a_mark_that_turns_writing_round_is_replaced(self):
        assert inert("a\u202eb\u2066c") == "a\ufffdb\ufffdc"


class TestShorten:
    """A name takes at most the columns there are."""

    @given(anything, st.integers(5, 60))
    def test_it_never_takes_more_columns_than_given(self, text, cells):
        assert cell_len(shorten(text, cells)) <= cells

    @given(anything, st.integers(5, 60))
    def test_a_name_that_fits_stays_whole(self, text, cells):
        if cell_len(inert(text)) <= cells:
            assert shorten(text, cells) == inert(text)

    def test_names_that_differ_at_their_ends_stay_apart(self):
        assert shorten("x" * 300 + "-manual", 30) != shorten("x" * 300 + "-forum", 30)


class TestDistinctLabels:
    """Names are labels and may repeat; no two groups share what is shown."""

    @given(st.lists(st.sampled_from(["cat", "dog", "", " ", "group", "cat\n"]), max_size=12))
    def test_no_two_groups_share_a_label(self, names):
        assert len(set(distinct_labels(names))) == len(names)

    def test_a_name_borne_once_is_shown_as_it_is(self):
        assert distinct_labels(["cat", "the", "cat"]) == ("cat (#0)", "the", "cat (#2)")

    def test_a_name_that_looks_like_a_numbered_one_is_still_told_apart(self):
        assert len(set(distinct_labels(["cat", "cat", "cat (#0)"]))) == 3


class TestSigned:
    """Numbers carry their sign, and unknown is a word."""

    @given(st.floats(-1e4, 1e4).filter(lambda value: abs(value) > 1e-3))
    def test_the_sign_is_the_numbers_own(self, value):
        assert signed(value)[0] == ("+" if value > 0 else "-")

    @given(st.floats(-90, 90).filter(lambda value: abs(value) > 1e-3))
    def test_what_is_shown_is_within_half_a_percent_of_the_number_or_half_a_hundredth(self, value):
        assert abs(float(signed(value)) - value) <= max(0.005 * abs(value), 0.005)

    def test_unknown_is_a_word_and_zero_has_no_sign(self):
        assert (signed(None), signed(0.0), signed(-0.0), signed(-0.001, 2)) == (
            "unknown",
            "0.00",
            "0.00",
            "0.00",
        )

    def test_what_rounds_to_nothing_beside_others_is_written_as_nothing(self):
        assert (signed(-8.8e-07, 2), signed(-8.8e-07)) == ("0.00", "-8.8e-07")


class TestSmallWords:
    """Intervals, shares and lists in words."""

    def test_an_unknown_interval_is_empty(self):
        assert (interval(None), interval((-1.0, 2.5))) == ("", "[-1.00, +2.50]")

    def test_only_a_perfect_share_reads_as_one(self):
        assert (share(1.0), share(0.9999), share(0.5), share(-0.1), share(None)) == (
            "1.00",
            "0.999",
            "0.50",
            "-0.10",
            "unknown",
        )

    def test_a_score_and_its_ceiling_have_as_many_decimals(self):
        assert (shares(0.987, 0.9902), shares(0.9912, 0.98), shares(0.7, 0.84)) == (
            ("0.987", "0.990"),
            ("0.991", "0.980"),
            ("0.70", "0.84"),
        )

    def test_a_list_has_its_and(self):
        assert (listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])) == ("a", "a and b", "a, b and c")
