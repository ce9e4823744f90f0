from __future__ import annotations

import io
import re

import pytest
from matplotlib.patches import FancyArrowPatch

from spex_data.errors import TargetError
from spex_data.reports import interactions_table
from spex_data.reports.grid_figure import component_grid, pruning_curve
from spex_data.reports.html import render_report
from spex_data.reports.results import read_results
from spex_data.reports.text_figure import text_figure
from spex_data.reports.texts_page import TextEntry, write_texts_page
from tests.reports.test_figures import texts

TEXT = "I never got my <b>card</b>"
SPANS = [(0, 1), (2, 7), (8, 11), (15, 26)]


def effect(members, value, kind=None):
    return {
        "groups": [],
        "members": list(members),
        "order": len(members),
        "value": value,
        "ci": [value - 0.1, value + 0.1],
        "moebius": value,
        "full": value,
        "kind": kind,
        "verified": "not tested",
        "reported": True,
    }


def document(lens, names):
    effects = [effect([1], 2.0), effect([3], -1.0), effect([1, 3], 1.5, "complementary")]
    target = {"name": "answer", "method": "auto", "n_masks": 40, "r2": 0.97, "spearman": 0.9}
    return {
        "study": "s",
        "lens": lens,
        "n_groups": len(names),
        "groups": names,
        "targets": [{**target, "noise_ceiling": 1.0, "interactions": effects}],
    }


WORDS = document("features", ["I", "never", "got", "<b>card</b>"])
PARTS = document("components", ["L0 H0", "L0 H1", "L0 MLP", "L2 H1"])
PRUNED = {
    "study": "s",
    "unit": "accuracy",
    "components": 4,
    "whole": 0.9,
    "sizes": [
        {
            "kept": kept,
            "expansion": {"value": 0.8},
            "single effects": {"value": 0.7},
            "magnitude": {"value": 0.5},
            "random": {"mean": 0.3, "best": 0.6},
        }
        for kept in (1, 2)
    ],
}


class TestTextFigure:
    """The whole text is drawn, units and what lies between them."""

    def test_every_word_is_there_as_text_and_markup_is_harmless(self, tmp_path):
        words = texts(text_figure(WORDS, TEXT, SPANS, unit="log-odds"), tmp_path)
        assert words[:5] == ["I", "never", "got", "my", "<b>card</b>"]
        assert any("log-odds of the answer" in one and "0.97" in one for one in words)

    def test_a_text_of_a_thousand_words_is_drawn_as_far_as_it_fits(self, tmp_path):
        names = [f"word{place}" for place in range(1000)]
        text = " ".join(names)
        spans = [(text.index(f"{name} " if place < 999 else name), 0) for place, name in enumerate(names)]
        spans = [(start, start + len(name)) for (start, _), name in zip(spans, names, strict=True)]
        words = texts(text_figure(document("features", names), text, spans), tmp_path)
        assert "word0" in words
        assert any("the text goes on" in one for one in words)

    @pytest.mark.parametrize(("interval", "drawn"), [([1.4, 1.6], True), ([-0.1, 1.6], False)])
    def test_a_pair_is_joined_only_where_its_interval_excludes_zero(self, interval, drawn):
        for lens, made in (("features", WORDS), ("components", PARTS)):
            (target,) = made["targets"]
            alone, pair = target["interactions"][:2], {**target["interactions"][2], "ci": interval}
            changed = {**made, "targets": [{**target, "interactions": [*alone, pair]}]}
            figure = text_figure(changed, TEXT, SPANS) if lens == "features" else component_grid(changed)
            joined = [one for axes in figure.axes for one in axes.patches if isinstance(one, FancyArrowPatch)]
            assert bool(joined) == drawn

    def test_an_unknown_target_is_refused(self):
        with pytest.raises(TargetError):
            text_figure(WORDS, TEXT, SPANS, target="other")


class TestComponentGrid:
    """Layers by heads, MLP blocks last; the axes name only what is there."""

    def test_axes_are_layers_and_heads(self, tmp_path):
        words = texts(component_grid(PARTS, unit="accuracy"), tmp_path)
        assert {"0", "1", "2", "MLP", "head", "layer", "mean effect", "(accuracy)"} <= set(words)

    def test_the_pruning_curve_names_every_rule(self, tmp_path):
        words = texts(pruning_curve(PRUNED), tmp_path)
        assert {"the expansion", "single effects", "best random", "magnitude", "mean random"} <= set(words)


class TestWords:
    """Tables and pages speak of units or components, and never of training where nothing is trained."""

    @pytest.mark.parametrize(("found", "many"), [(WORDS, "units"), (PARTS, "components")])
    def test_page_and_table_use_the_words_of_the_lens(self, found, many):
        from rich.console import Console

        console = Console(width=100, record=True, file=io.StringIO())
        console.print(interactions_table(found))
        page = re.sub(r"<script>.*?</script>", "", render_report(found), flags=re.DOTALL)
        for said in (page, console.export_text()):
            assert many in said
            for wrong in ("fine-tun", "retrain", "trained on", "training", "seed noise allows"):
                assert wrong not in said, wrong

    def test_values_without_noise_can_reach_one(self):
        assert "of 1: no seed noise" in render_report(WORDS)


class TestTextsPage:
    """One page for all texts, each with its picture and a link to its own page."""

    def test_every_text_is_there_and_markup_is_escaped(self, tmp_path):
        from spex_data.reports import save_figure

        svg = save_figure(text_figure(WORDS, TEXT, SPANS), tmp_path, "t")[1]
        result = read_results(WORDS).targets[0]
        entries = [
            TextEntry(f"<i>{k}", TEXT, "yes", 4, result, svg, f"texts/00{k}/report.html") for k in (0, 1)
        ]
        write_texts_page(tmp_path / "report.html", "s", entries, method={"Model": "m"})
        page = (tmp_path / "report.html").read_text()
        assert "2 texts; mean R² 0.97 on held-out masks." in page
        assert 'href="texts/001/report.html"' in page
        assert "&lt;i&gt;1" in page
        assert "<i>1" not in page
