from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from spex_data.errors import StoreError
from spex_data.reports import render_report, write_report
from spex_data.reports.page import MOST_TARGETS, compose_page
from spex_data.reports.what_if import WhatIf
from tests.reports.conftest import GROUPS, entry, result, study

_VOID = {"meta", "link", "img", "br", "hr", "input"}


class Elements(HTMLParser):
    """The elements of a page: (tag, attributes), the text, and whether all of them are closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.page = page
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    @property
    def scripts(self) -> list[str]:
        """The scripts that a browser runs."""
        return re.findall(r"<script>(.*?)</script>", self.page, re.S)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def attributes(self, name: str) -> list[str]:
        return [str(attributes[name]) for _, attributes in self.found if name in attributes]


@pytest.fixture
def pictures(tmp_path):
    """Figures of two targets."""
    files = {}
    for name in ("graph", "heldout"):
        files[name] = tmp_path / f"{name}.svg"
        files[name].write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    own = {"graph": files["graph"], "heldout": files["heldout"]}
    return {"redundant": own, "rescue": own}


class TestRenderReport:
    """The page says what was found, whether to believe it, and what is not known."""

    def test_every_target_has_its_sentence_and_a_verdict(self, demo):
        text = Elements(render_report(demo)).text
        assert "lurn-manual and lurn-forum are redundant: together they add 8.10 less than apart." in text
        assert "kirn-service-bulletin undoes the harm of kirn-prank-thread (+3.05)." in text
        assert "✓ believable" in text

    def test_a_negative_score_is_said_plainly(self, demo):
        text = Elements(render_report(demo)).text
        assert "R² is negative (−0.20): on held-out masks it predicts worse than their mean does" in text
        assert "Nothing to conclude" in text

    def test_a_target_without_interactions_says_so(self, demo):
        assert "No interaction was found" in Elements(render_report(demo)).text

    def test_what_was_not_told_from_chance_is_folded_away_beneath_what_was(self, demo):
        for found in demo["targets"][0]["interactions"]:
            found["reported"] = found["groups"] == ["lurn-manual", "lurn-forum"]
        text = Elements(render_report(demo)).text
        assert "1 not told from chance" in text
        assert text.index("lurn-manual × lurn-forum") < text.index("1 not told from chance")
        assert text.index("1 not told from chance") < text.index("taxa-reset-note × catalogue-1")

    def test_the_first_section_says_what_retraining_came_to_and_the_unit(self, demo):
        demo["targets"][0]["interactions"][0]["verified"] = "confirmed"
        text = Elements(render_report(demo, units=["log-odds"] * 4)).text
        first = text[: text.index("Across targets")]
        assert "retrained: 1 confirmed" in first
        assert first.count("not retrained") == 3
        assert "Effects are in log-odds of the answer; above 0 is for the better." in first

    def test_what_nobody_retrained_is_not_tested(self, demo):
        text = Elements(render_report(demo)).text
        assert "not tested" in text
        assert "confirmed" not in text

    def test_outcomes_of_retraining_stand_in_the_table(self, demo):
        demo["targets"][0]["interactions"][0]["verified"] = "confirmed"
        demo["targets"][1]["interactions"][0]["verified"] = "refuted"
        text = Elements(render_report(demo)).text
        assert "retrained: 1 confirmed, 1 not tested" in text
        assert "retrained: 1 refuted" in text

    def test_an_unknown_number_is_unknown_and_not_zero(self, demo):
        row = compose_page(demo).targets[0].together[0]
        assert (row.full, row.moebius) == ("unknown", "−12.15")

    def test_nothing_held_out_means_not_judged(self, demo):
        for target in demo["targets"]:
            target.update(r2=None, spearman=None, noise_ceiling=None)
        text = Elements(render_report(demo)).text
        assert "Nothing was held out, so none of this has been judged." in text
        assert "believable" not in text

    def test_held_out_masks_and_seeds_are_told_where_known(self, demo):
        judged = {
            "targets": [
                {"name": "redundant", "n_masks": 64, "n_seeds": 2.0, "noise_ceiling": {"ci": [0.9, 0.98]}}
            ]
        }
        assert (
            "64 held-out masks, the mean over 2 seeds each"
            in Elements(render_report(demo, judged=judged)).text
        )

    def test_a_run_that_is_half_done_is_marked(self, demo):
        assert "Half done." in Elements(render_report(demo, status="half-done")).text
        assert "Half done." not in Elements(render_report(demo)).text

    def test_a_study_without_targets_has_a_page(self, demo):
        assert "there is nothing to say" in Elements(render_report({**demo, "targets": []})).text

    def test_what_was_run_is_listed(self, demo):
        page = Elements(
            render_report(demo, method={"Repeat it with": "spex-data run study.yaml", "Git": "0c67f59"})
        )
        assert "Repeat it with spex-data run study.yaml" in page.text
        assert "Git 0c67f59" in page.text

    def test_texts_of_groups_are_there_only_if_given(self, demo):
        texts = [[f"text {number} of {name}" for number in range(30)] for name in demo["groups"]]
        text = Elements(render_report(demo, group_texts=texts)).text
        assert "30 examples text 0 of lurn-manual" in text
        assert "and 10 that are not on this page" in text
        assert "shows no training text" in Elements(render_report(demo)).text

    def test_the_same_study_gives_the_same_page(self, demo, pictures):
        assert render_report(demo, figures=pictures) == render_report(demo, figures=pictures)

    def test_elements_are_closed_in_order_and_anchors_lead_somewhere(self, demo, pictures):
        page = Elements(render_report(demo, figures=pictures, group_texts=[["text"]] * 16, method={"a": "b"}))
        identities = page.attributes("id")
        assert page.open == []
        assert len(set(identities)) == len(identities)
        assert {link.removeprefix("#") for link in page.attributes("href") if link.startswith("#")} <= {
            *identities
        }
        assert {name for label in page.attributes("aria-labelledby") for name in label.split()} <= {
            *identities
        }

    def test_every_picture_is_in_the_page_and_has_words(self, demo, pictures):
        page = Elements(render_report(demo, figures=pictures))
        images = [attributes for tag, attributes in page.found if tag == "img"]
        assert len(images) == 4
        assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in images)
        assert "Largest: lurn-manual and lurn-forum, −8.10, redundant" in images[0]["alt"]

    def test_a_thousand_targets_are_cut_to_those_with_most_to_say(self, demo):
        quiet, loud = demo["targets"][3], demo["targets"][0]
        many = [{**(loud if number % 10 == 0 else quiet), "name": f"t{number}"} for number in range(1000)]
        page = compose_page({**demo, "targets": many})
        assert len(page.targets) == MOST_TARGETS
        assert page.hidden_targets == 800
        assert {f"t{number}" for number in range(0, 1000, 10)} <= {target.name for target in page.targets}


class TestHostileNames:
    """Names and texts are words on the page and nothing else."""

    def test_they_make_no_element_and_no_attribute(self, hostile, demo):
        texts = [[name, "<iframe src=//example.org>"] for name in hostile["groups"]]
        page = Elements(
            render_report(hostile, group_texts=texts, method={name: name for name in hostile["groups"]})
        )
        known = {
            tag
            for tag, _ in Elements(render_report(demo, group_texts=[["x"] * 9] * 16, method={"a": "b"})).found
        }
        assert {tag for tag, _ in page.found} <= known | {"code"}
        assert page.attributes("onerror") == []
        assert page.open == []
        assert "<script>document.title = 'owned'</script>" in page.text
        assert "{{ 7 * 7 }}" in page.text

    def test_nothing_leaves_the_page(self, hostile):
        page = Elements(render_report(hostile))
        assert [link for link in page.attributes("href") if not link.startswith(("#", "data:"))] == []
        assert page.attributes("src") == []
        policy = next(attributes["content"] for _, attributes in page.found if "http-equiv" in attributes)
        assert policy.startswith("default-src 'none';")
        digests = [
            base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in page.scripts if text
        ]
        assert policy.count("sha256-") == len(digests) == 2
        assert all(f"'sha256-{digest}'" in policy for digest in digests)

    def test_marks_that_turn_text_round_and_control_characters_are_gone(self, hostile):
        page = render_report(hostile, group_texts=[[name] for name in hostile["groups"]])
        assert not {*"\u202e\u2066\x1b\x00\ud800"} & {*page}

    def test_groups_of_the_same_name_are_told_apart(self, hostile):
        names = [group.name for group in compose_page(hostile).groups]
        assert names[-2:] == ["same (#8)", "same (#9)"]
        assert len({*names}) == len(names)

    def test_a_long_name_is_cut_in_tables_and_whole_at_its_group(self, hostile):
        page = compose_page(hostile)
        label = page.targets[0].together[0].groups[1].label
        assert len(label) <= 48
        assert "…" in label
        assert page.groups[6].name == ("long " * 60).strip()


class TestWriteReport:
    """The file is whole or not there."""

    def test_a_page_is_written_in_utf_8(self, demo, tmp_path):
        write_report(tmp_path / "new" / "report.html", demo)
        assert (tmp_path / "new" / "report.html").read_text(encoding="utf-8") == render_report(demo)
        assert [file.name for file in (tmp_path / "new").iterdir()] == ["report.html"]

    def test_a_missing_figure_leaves_the_old_page_and_says_which(self, demo, tmp_path):
        path = tmp_path / "report.html"
        path.write_text("old")
        with pytest.raises(StoreError, match=r"gone\.svg: cannot be read"):
            write_report(path, demo, figures={"redundant": {"graph": tmp_path / "gone.svg"}})
        assert path.read_text() == "old"


class TestStars:
    """What is reported at the false discovery rate is told from what may be chance."""

    def test_only_interactions_that_are_reported_have_a_star(self):
        sure, unsure = entry(GROUPS, (0, 1), -3.0), entry(GROUPS, (2, 3), 2.0)
        alone = {**entry(GROUPS, (4,), 1.0), "reported": True}
        found = result("asked", [{**sure, "reported": True}, {**unsure, "reported": False}, alone])
        page = Elements(render_report(study(GROUPS, [found])))
        assert page.text.count("* reported") == 1


class TestWhatIf:
    """A prediction that would mislead is not offered."""

    def test_an_expansion_cut_too_short_has_no_what_if(self):
        document = study(GROUPS, [result("asked", [entry(GROUPS, (0, 1), -3.0)])])

        def page(agreement):
            kept = WhatIf(((), (0,)), (0.5, 1.0), 3, agreement, None, 0)
            return Elements(render_report(document, what_if=[kept])).text

        assert "What if" in page(0.995)
        assert "What if" not in page(0.985)


ROUNDS = [
    {
        "round": number, "masks": 32 * number, "fine_tunes": 32 * number + 64, "r2": 0.7 + 0.1 * number,
        "r2_low": 0.6 + 0.1 * number, "r2_high": 0.75 + 0.1 * number, "noise_ceiling": 0.95,
        "ci_width": None, "stop": number == 2, "why": "goal reached after 64 masks" if number == 2 else "",
    }
    for number in (1, 2)
]  # fmt: skip


class TestRounds:
    """A study in rounds shows what each added, and why there was no further one."""

    def test_every_round_is_a_row_and_the_reason_to_end_a_sentence(self, demo):
        text = Elements(render_report(demo, rounds=ROUNDS)).text
        assert "Goal reached after 64 masks." in text
        assert "1 32 96 0.80 0.70 to 0.85 0.95 2 64 128 0.90 0.80 to 0.95 0.95" in text
        assert "widest interval" not in text

    def test_a_study_that_goes_on_says_so(self, demo):
        assert "has not ended yet" in Elements(render_report(demo, rounds=ROUNDS[:1])).text

    def test_widths_are_shown_where_they_decide(self, demo):
        wide = [{**one, "ci_width": 1.234, "r2": None, "r2_low": None} for one in ROUNDS]
        assert "unknown 0.95 1.23 " in Elements(render_report(demo, rounds=wide)).text

    def test_another_study_has_no_such_section(self, demo):
        assert "each round of masks" not in Elements(render_report(demo)).text
