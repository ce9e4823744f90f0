from __future__ import annotations

import subprocess
import sys
import warnings
import xml.etree.ElementTree as ET
from copy import deepcopy

import numpy as np
import pytest

from spex_data.errors import TargetError
from spex_data.reports import (
    effects_heatmap,
    interaction_graph,
    predicted_against_actual,
    read_results,
    save_figure,
)


def texts(figure, folder, name="figure"):
    """All words of a figure's SVG."""
    _, svg = save_figure(figure, folder, name)
    return [
        "".join(node.itertext()).strip() for node in ET.parse(svg).iter("{http://www.w3.org/2000/svg}text")
    ]


class TestInteractionGraph:
    """The groups that act, and the interactions between them, with signs in words and shapes."""

    def test_groups_and_interactions_are_there_with_their_signs(self, demo, tmp_path):
        words = texts(interaction_graph(demo, "redundant", unit="log-odds"), tmp_path)
        assert {"lurn-manual", "lurn-forum", "−8.1", "+4.6", "+4.4"} <= set(words)
        assert any("log-odds of the answer" in one for one in words)

    def test_a_set_of_three_is_boxed_and_in_the_key(self, demo, tmp_path):
        words = texts(interaction_graph(demo, "either-plus-one"), tmp_path)
        assert {"midek-manual", "midek-repair-log", "midek-power-note", "−6.1", "effect unknown"} <= set(
            words
        )
        assert "boxed: three groups or more at once" in words

    def test_what_is_small_beside_the_largest_is_not_drawn(self, demo, tmp_path):
        assert "catalogue-1" not in texts(interaction_graph(demo, "redundant"), tmp_path)

    def test_a_target_without_effects_says_so(self, demo, tmp_path):
        assert "no effect was found" in texts(interaction_graph(demo, "null"), tmp_path)

    def test_what_was_not_told_from_chance_is_not_drawn(self, demo, tmp_path):
        drawn = deepcopy(demo)
        for target in drawn["targets"]:
            for found in target["interactions"]:
                found["reported"] = found["order"] == 1
        words = texts(interaction_graph(drawn, "redundant"), tmp_path)
        assert "−8.1" not in words
        assert {"lurn-manual", "+4.6"} <= set(words)

    def test_what_was_retrained_is_marked_and_in_the_key(self, demo, tmp_path):
        drawn = deepcopy(demo)
        drawn["targets"][0]["interactions"][0]["verified"] = "confirmed"
        words = texts(interaction_graph(drawn, "redundant"), tmp_path)
        assert {"−8.1 ✓", "✓ confirmed by retraining"} <= set(words)
        assert not any("confirmed" in one for one in texts(interaction_graph(demo, "redundant"), tmp_path))

    def test_results_that_were_read_once_give_the_same_picture(self, demo, tmp_path):
        once, again = (interaction_graph(one, "rescue") for one in (demo, read_results(demo)))
        assert texts(once, tmp_path) == texts(again, tmp_path)

    def test_an_unknown_target_is_refused(self, demo):
        with pytest.raises(TargetError):
            interaction_graph(demo, "nil")

    def test_hostile_names_are_text_and_warn_nobody(self, hostile, tmp_path):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for number, target in enumerate(hostile["targets"]):
                words = texts(interaction_graph(hostile, target["name"]), tmp_path, str(number))
                assert any(one.startswith("<script>") for one in words)


class TestPredictedAgainstActual:
    """Measured against predicted values, in the target's unit."""

    def test_axes_have_units_and_the_title_the_scores(self, tmp_path):
        figure = predicted_against_actual(
            [1.0, 2.0], [1.1, 1.9], target="t", unit="log-odds", r2=0.98, noise_ceiling=0.99, seed_sd=0.1
        )
        words = " ".join(texts(figure, tmp_path))
        for one in ("measured by fine-tuning (log-odds of the answer)", "R² 0.98", "noise ceiling 0.99"):
            assert one in words

    def test_a_mask_that_failed_is_left_out(self, tmp_path):
        figure = predicted_against_actual([1.0, np.nan, 2.0], [1.0, 1.0, 2.0])
        assert "2 held-out masks" in texts(figure, tmp_path)

    @pytest.mark.parametrize("values", [[], [3.0], [3.0, 3.0]])
    def test_few_or_equal_values_are_drawn_too(self, values, tmp_path):
        assert texts(predicted_against_actual(values, values), tmp_path)


class TestEffectsHeatmap:
    """Mean effects of the groups on the targets."""

    def test_numbers_carry_their_signs_and_unknown_cells_none(self, demo, tmp_path):
        words = texts(effects_heatmap(demo, unit="log-odds"), tmp_path)
        cells = [one for one in words if one in ("+4.6", "+4.4", "−1.9", "+2.1")]
        assert len(cells) == 5
        assert "mean effect of the group (log-odds of the answer)" in words

    def test_long_names_stay_within_the_picture(self, demo):
        named = {**demo, "groups": [f"W{'W' * 40} {place}" for place in range(16)]}
        named["targets"] = [{**one, "name": f"{one['name']} {'M' * 40}"} for one in demo["targets"]]
        figure = effects_heatmap(named)
        figure.canvas.draw()
        pen = figure.canvas.get_renderer()
        cells, scale = figure.axes
        words = [*cells.get_xticklabels(), *cells.get_yticklabels(), cells.xaxis.label, cells.yaxis.label]
        labels = [one.get_window_extent(pen) for one in (*words, scale.yaxis.label)]
        width, height = figure.get_size_inches() * figure.dpi
        assert min(min(one.x0, one.y0) for one in labels) >= 0
        assert max(one.x1 for one in labels) <= width
        assert max(one.y1 for one in labels) <= height

    def test_a_study_without_targets_or_effects_can_be_drawn(self, demo, tmp_path):
        assert texts(effects_heatmap({**demo, "targets": demo["targets"][3:]}), tmp_path)
        assert texts(effects_heatmap({**demo, "targets": []}), tmp_path, "none")


class TestSaveFigure:
    """PNG and SVG, the same bytes every time, and nobody else's settings touched."""

    def test_the_same_figure_gives_the_same_bytes(self, demo, tmp_path):
        for draw in (lambda: interaction_graph(demo, "rescue"), lambda: effects_heatmap(demo)):
            once, again = (save_figure(draw(), tmp_path, name) for name in ("once", "again"))
            assert [path.suffix for path in once] == [".png", ".svg"]
            assert [path.read_bytes() for path in once] == [path.read_bytes() for path in again]

    def test_matplotlibs_global_settings_stay_as_they_were(self, demo):
        import matplotlib

        before = dict(matplotlib.rcParams)
        interaction_graph(demo, "rescue")
        assert dict(matplotlib.rcParams) == before

    def test_reports_load_neither_matplotlib_nor_lightgbm_nor_jinja(self):
        code = "import sys, spex_data.reports; print(' '.join(sys.modules))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert not {"matplotlib", "lightgbm", "jinja2", "networkx", "torch"} & set(done.stdout.split())
