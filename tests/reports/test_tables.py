from __future__ import annotations

import copy
import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from spex_data.errors import StoreError, TargetError
from spex_data.reports import PlantedRow, interactions_table, places_table, planted_table


def printed(renderable, width=80, **options):
    stream = io.StringIO()
    Console(file=stream, width=width, **options).print(renderable)
    return stream.getvalue()


def planted(recovered=-8.1, rank=1, ideal=-1.0, swing=8.2):
    return PlantedRow(
        "redundant", ("lurn-manual", "lurn-forum"), ideal, swing, recovered, rank, "Both say it."
    )


class TestInteractionsTable:
    """The terminal's tables can be read at 80 columns, without colours, and run no one's markup."""

    @pytest.mark.parametrize("width", [80, 100, 120, 200])
    def test_no_line_is_wider_than_the_terminal(self, demo, hostile, width):
        for document in (demo, hostile):
            lines = printed(interactions_table(document, width=width), width).splitlines()
            assert max(map(cell_len, lines)) <= width

    def test_every_pair_has_its_groups_sign_interval_and_kind_on_the_page(self, demo):
        text = printed(interactions_table(demo))
        for words in ("lurn-manual", "x lurn-forum", "redundant", "-8.10", "[-8.30, -7.90]", "-12.15"):
            assert words in text

    def test_what_is_unknown_is_a_dash_and_never_a_zero(self, demo):
        text = printed(interactions_table(demo))
        assert "0.00" not in text

    def test_the_unit_is_named_and_where_targets_have_several_said_to_be_their_own(self, demo):
        named, own = (
            " ".join(printed(interactions_table(demo, **unit)).split()) for unit in ({"unit": "log-odds"}, {})
        )
        assert "beyond their parts, in log-odds of the answer, mean over" in named
        assert "beyond their parts, in its target's own unit, mean over" in own

    def test_colours_carry_nothing_that_the_words_do_not(self, demo):
        plain = printed(interactions_table(demo))
        console = Console(file=io.StringIO(), width=80, force_terminal=True, record=True)
        console.print(interactions_table(demo))
        assert "\x1b" not in plain
        assert console.export_text() == plain

    def test_markup_and_control_characters_in_names_are_shown_and_not_obeyed(self, hostile):
        text = printed(interactions_table(hostile, width=200), 200, force_terminal=False)
        assert "[bold red]markup[/]" in text
        assert "\x1b" not in text
        assert "\u202e" not in text

    def test_missing_verification_is_called_not_tested(self, demo):
        assert "not tested" in printed(interactions_table(demo))

    def test_a_reported_interaction_has_a_star_and_others_have_no_line(self, demo):
        assert "*:" not in printed(interactions_table(demo))
        document = copy.deepcopy(demo)
        listed = [each for each in document["targets"][0]["interactions"] if each["order"] > 1]
        listed[1]["value"], listed[1]["ci"] = 2.5, [0.5, 4.5]
        for place, each in enumerate(listed):
            each["q"], each["reported"] = 0.01, place == 0
        text = printed(interactions_table(document, target=document["targets"][0]["name"]))
        assert "*: stands out among all sets" in text
        assert text.count("*") == 2
        assert "1 not told from chance" in text

    def test_a_verified_interaction_says_so_in_both_widths(self, demo):
        demo["targets"][0]["interactions"][0]["verified"] = "confirmed"
        for width in (80, 120):
            assert "confirmed" in printed(interactions_table(demo, width=width), width)

    def test_a_negative_r2_and_a_target_without_effects_are_said_plainly(self, demo):
        text = " ".join(printed(interactions_table(demo, target="null")).split())
        assert "R2 is negative (-0.20)" in text
        assert "no effect was found" in text

    def test_small_effects_are_counted_and_not_listed(self, demo):
        text = printed(interactions_table(demo, target="redundant"))
        assert "catalogue-1" not in text
        assert "not listed: 1 below 0.405" in text

    def test_the_top_limits_the_lines_and_the_rest_is_counted(self, demo):
        demo["targets"][0]["interactions"][-1]["value"] = 3.0
        text = printed(interactions_table(demo, target="redundant", top=1))
        assert "past the last line" in text

    def test_an_unknown_target_names_the_nearest(self, demo):
        with pytest.raises(TargetError, match="redundant"):
            interactions_table(demo, target="redundat")

    @pytest.mark.parametrize("document", [{}, {"study": "s", "groups": [], "targets": [{"name": "t"}]}])
    def test_what_is_no_document_is_refused(self, document):
        with pytest.raises(StoreError, match="no document of interactions"):
            interactions_table(document)


class TestPlantedTable:
    """Truth and recovery stand beside each other in the same index."""

    def test_the_truth_is_the_ideal_times_the_swing(self):
        text = printed(planted_table([planted()]))
        for words in ("-8.20", "-8.10", "#1", "found", "Both say it.", "1 of 1 planted"):
            assert words in text

    def test_a_wrong_sign_and_a_missing_interaction_are_named(self):
        text = printed(planted_table([planted(recovered=3.0), planted(recovered=None, rank=None)]))
        assert "0 of 2 planted" in text
        assert "wrong sign" in text
        assert "not found" in text

    def test_without_a_swing_the_ideal_is_shown_in_its_own_unit(self):
        assert "-1.00 swing" in printed(planted_table([planted(swing=None)]))

    def test_no_line_is_wider_than_the_terminal(self):
        long = PlantedRow("t" * 300, ("🦜" * 200, "[red]"), 1.0, None, None, None, "why " * 99)
        assert max(map(cell_len, printed(planted_table([long])).splitlines())) <= 80


class TestPlacesTable:
    """Where everything is can be copied whole."""

    def test_a_path_loses_no_character(self):
        path = "runs/" + "a" * 120 + "/report[1].html"
        text = printed(places_table([("report", path)]))
        assert path in "".join(line[6:].strip() for line in text.splitlines())
