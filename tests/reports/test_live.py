from __future__ import annotations

import base64
import hashlib
import json
import zlib
from pathlib import Path

import numpy as np

import spex_data.reports
from spex_data.reports import Heldout, read_results, render_report
from spex_data.reports.live import graph_data, heldout_data, names_script, packed
from spex_data.reports.page import MOST_WHOLE
from tests.reports.conftest import GROUPS, entry, result, study

VENDOR = Path(spex_data.reports.__file__).parent / "vendor"


class TestGraphData:
    """A graph is drawn from the target's effects and from numbers alone."""

    def test_it_holds_the_interactions_and_the_groups_that_have_a_part_in_them(self, demo):
        data = graph_data(read_results(demo).targets[0])
        assert [one["members"] for one in data["sets"]] == [[0, 1], [4, 9]]
        assert data["sets"][0]["value"] == -8.1
        assert {one["members"][0] for one in data["alone"]} == {0, 1}

    def test_a_target_that_nothing_acts_on_has_none(self, demo):
        assert graph_data(read_results(demo).targets[3]) is None


class TestHeldoutData:
    """The picture of held-out masks leaves out what is not known."""

    def test_masks_that_failed_are_left_out(self):
        data = heldout_data(Heldout([1.0, np.nan, 3.0], [1.5, 2.0, 2.5], "log-odds"))
        assert (data["actual"], data["predicted"]) == ([1.0, 3.0], [1.5, 2.5])
        assert data["unit"] == "log-odds of the answer"

    def test_one_mask_makes_no_picture(self):
        assert heldout_data(Heldout([1.0], [1.0])) is None


class TestScripts:
    """What stands in a script element is data that cannot end it."""

    def test_no_name_closes_the_element(self, hostile):
        text = names_script(read_results(hostile).groups)
        assert "<" not in text
        assert json.loads(text)[0] == "<script>document.title = 'owned'</script>"

    def test_the_bundled_library_is_the_pinned_one(self):
        pinned = json.loads((VENDOR / "pinned.json").read_text())
        content = (VENDOR / Path(pinned["file"]).name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == pinned["sha256"]
        assert "permission notice" in (VENDOR / f"LICENSE.{pinned['name']}").read_text()


class TestManyTargets:
    """A page of many targets packs each until it is opened."""

    def test_every_target_has_its_line_and_its_packed_parts(self):
        found = [entry(GROUPS, (0, 1), -3.0, kind="redundant"), entry(GROUPS, (0,), 1.0)]
        few, many = (
            render_report(study(GROUPS, [result(f"asked {number}", found) for number in range(count)]))
            for count in (MOST_WHOLE, MOST_WHOLE + 1)
        )
        assert few.count('<section class="target"') == MOST_WHOLE
        assert many.count('<details class="target"') == MOST_WHOLE + 1
        assert "stand below, a line each" in many
        first = many.split('class="packed">')[1].split("<")[0]
        assert "lurn-forum" in zlib.decompress(base64.b64decode(first)).decode()

    def test_a_part_comes_back_as_it_was(self):
        assert zlib.decompress(base64.b64decode(packed("<b>é🦜</b>"))).decode() == "<b>é🦜</b>"
