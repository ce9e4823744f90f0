from __future__ import annotations

import pytest

from spex_data.errors import ConfigError
from spex_data.study import config_differences, extended, parse_study
from tests.flows.conftest import study

STUDY = parse_study(study())


class TestExtended:
    """An extended study is the study with more masks or more targets, and nothing else."""

    def test_a_larger_budget_changes_that_key_alone(self):
        assert config_differences(STUDY, extended(STUDY, 16, budget=40)) == ["masks.budget: 18 -> 40"]

    def test_a_file_of_targets_joins_those_there_are_once(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "more.csv").write_text("prompt,completion\n")
        new = extended(STUDY, 16, targets="more.csv")
        assert new.targets.source == "embedded"
        assert new.targets.more == (str(tmp_path / "more.csv"),)
        assert extended(new, 16, targets="more.csv") == new

    def test_the_budget_that_it_has_changes_nothing_so_that_the_same_command_resumes(self):
        assert extended(STUDY, 16, budget=18) == STUDY
        alpha = parse_study(study(masks={"budget": {"alpha": 4}}))
        assert extended(alpha, 16, budget=256) == alpha

    def test_a_number_of_masks_takes_the_place_of_a_goal(self):
        until = parse_study(study(masks={"budget": 60, "first": 20, "until": {"r2": 0.9}}))
        new = extended(until, 16, budget=40, measured=30)
        assert (new.masks.budget, new.masks.until, new.masks.first) == (40, None, None)
        with pytest.raises(ConfigError, match="the run has 30 training masks"):
            extended(until, 16, budget=25, measured=30)

    @pytest.mark.parametrize(
        ("asked", "says"),
        [
            ({}, "neither --masks nor --targets"),
            ({"budget": 17}, "at least 18"),
            ({"targets": "nothing.csv"}, "no such file"),
            ({"targets": __file__}, "no file of rows"),
        ],
    )
    def test_what_is_no_extension_is_said(self, asked, says):
        with pytest.raises(ConfigError, match=says):
            extended(STUDY, 16, **asked)

    def test_a_limit_of_hours_and_workers_below_what_can_be_are_refused(self):
        with pytest.raises(Exception, match=r"runner.workers: .* at least 1"):
            parse_study(study(runner={"workers": 0}))
        with pytest.raises(Exception, match=r"runner.max_hours"):
            parse_study(study(runner={"max_hours": 0}))
