from __future__ import annotations

import csv
from io import StringIO

from spex_data.reports import table_text, write_table


def rows(document):
    """The table of a document, a dictionary a row."""
    return list(csv.DictReader(StringIO(table_text(document))))


class TestTableFile:
    """The table holds every effect of every target."""

    def test_every_effect_is_a_row(self, demo):
        found = rows(demo)
        assert len(found) == sum(len(target["interactions"]) for target in demo["targets"])
        first = found[0]
        assert (first["target"], first["rank"], first["groups"]) == (
            "redundant",
            "1",
            "lurn-manual x lurn-forum",
        )
        assert (float(first["effect"]), first["members"], first["full"]) == (-8.1, "0 1", "")

    def test_a_name_that_a_spreadsheet_would_compute_is_text(self, demo):
        demo["groups"][0] = "=HYPERLINK(1)"
        assert rows(demo)[0]["groups"] == "'=HYPERLINK(1) x lurn-forum"

    def test_hostile_names_are_cells_and_nothing_else(self, hostile):
        assert len(rows(hostile)) == 3 * len(hostile["targets"])

    def test_it_is_written_whole(self, demo, tmp_path):
        write_table(tmp_path / "interactions.csv", demo)
        assert (tmp_path / "interactions.csv").read_text() == table_text(demo)
