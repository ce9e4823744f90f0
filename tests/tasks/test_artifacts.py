from __future__ import annotations

import pytest

from flows.attribution import AttributionParameters
from tasks import artifacts
from tasks.artifacts import artifact_key, interaction_rows, show_figures


def effect(value, *groups, reported=True, verified="not tested"):
    return {
        "groups": groups, "members": list(range(len(groups))), "order": len(groups), "index": "banzhaf",
        "value": value, "ci": [value - 1, value + 1], "moebius": value, "full": value, "kind": None,
        "reported": reported, "verified": verified,
    }  # fmt: skip


def document(*targets):
    return {
        "study": "My study",
        "n_groups": 3,
        "groups": ["a", "b", "c"],
        "targets": [
            {
                "name": f"question {number}", "method": "lasso", "n_masks": 8, "r2": 0.9, "spearman": 0.9,
                "noise_ceiling": None, "interactions": effects,
            }
            for number, effects in enumerate(targets)
        ],
    }  # fmt: skip


FOUND = document(
    [effect(1.0, "a", "b"), effect(-9.0, "a", "c", reported=False)],
    [effect(-4.0, "b", "c", verified="confirmed"), effect(2.0, "a", "b", "c")],
)


class TestInteractionRows:
    """The table on Prefect's page: what was told from chance, the largest first, the verdict in sight."""

    def test_the_largest_of_all_targets_is_first_and_what_was_not_told_from_chance_is_left_out(self):
        assert [row["effect"] for row in interaction_rows(FOUND)] == ["-4.00", "+2.00", "+1.00"]

    def test_the_verdict_stands_where_a_narrow_page_still_shows_it(self):
        first = interaction_rows(FOUND)[0]
        assert list(first)[:4] == ["target", "groups", "effect", "retrained"]
        assert first["retrained"] == "confirmed"


class TestShowFigures:
    """The pictures on Prefect's page are of what was found."""

    @pytest.fixture
    def shown(self, tmp_path, monkeypatch):
        for name in ("target-000-graph", "target-001-graph", "target-001-heldout", "effects"):
            (tmp_path / f"{name}.png").write_bytes(name.encode())
        seen = {}

        def create(markdown, *, key, description):
            seen[key] = [line for line in markdown.splitlines() if line.startswith("#")]

        monkeypatch.setattr(artifacts, "create_markdown_artifact", create)
        return tmp_path, seen

    def test_the_target_of_the_largest_interaction_is_drawn_first_and_the_heat_map_last(self, shown):
        figures, seen = shown
        show_figures(FOUND, figures)
        first, second, last = seen["my-study-figures"]
        assert (first[-10:], second[-10:]) == ("question 1", "question 0")
        assert last == "### Mean effects of single groups, by target"

    def test_where_nothing_was_found_there_is_the_heat_map_alone(self, shown):
        figures, seen = shown
        show_figures(document([effect(3.0, "a", "b", reported=False)]), figures)
        assert seen["my-study-figures"] == ["### Mean effects of single groups, by target"]

    def test_a_targets_name_is_no_markdown(self, shown):
        figures, seen = shown
        hostile = document([effect(3.0, "a", "b")])
        hostile["targets"][0]["name"] = "![x](y) <img>\n# *z*"
        show_figures(hostile, figures)
        assert seen["my-study-figures"][0].endswith(r"\!\[x\]\(y\) \<img\> \# \*z\*")
        assert len(seen["my-study-figures"]) == 2


class TestNames:
    """What a page calls a study."""

    def test_keys_of_artifacts_are_what_prefect_takes(self):
        assert artifact_key("My study/2", "plan") == "my-study-2-plan"

    @pytest.mark.parametrize(
        ("overrides", "name"), [((), "demo"), (("seed=1",), "demo"), (("name=gentle", "seed=1"), "gentle")]
    )
    def test_a_run_is_named_after_its_file_unless_the_study_is_given_another_name(self, overrides, name):
        assert AttributionParameters(config="configs/demo.yaml", overrides=overrides).stem == name
