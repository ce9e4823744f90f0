from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq

from spex_data.study import load_study
from spex_data.values import read_value_table
from tests.flows.conftest import write_study

GOAL = {"budget": 30, "first": 20, "scheme": "adaptive", "until": {"r2": 0.99}, "heldout": 4}


class TestRounds:
    """A study in rounds goes on until its goal or budget ends it, says why, and resumes to the same masks."""

    def test_it_says_that_its_goal_was_not_reached_and_goes_on_where_it_was_killed(self, call, tmp_path):
        config = write_study(tmp_path / "tiny.yaml", masks=GOAL, verify={"enabled": False})
        code, out, err = call("run", config)
        assert code == 0, err
        assert "38 fine-tunes, 0 of 38 were measured before" in out
        run = tmp_path / "runs" / "tiny"
        rounds = json.loads((run / "rounds.json").read_text())["rounds"]
        assert [(one["round"], one["masks"], one["stop"]) for one in rounds] == [
            (1, 20, False),
            (2, 30, True),
        ]
        assert "goal not reached, and the budget of 30 masks is spent" in rounds[1]["why"]
        plan = pq.read_table(run / "masks.parquet")
        assert plan["lawful"].to_pylist().count(False) == 5
        values = read_value_table(run / "values.parquet").values.tolist()
        # as after a kill in the second round: its masks are chosen, and of some the values are missing
        newest = sorted((run / "values").glob("part-*.parquet"), key=lambda part: part.stat().st_mtime)[-1]
        newest.unlink()
        (run / "values.parquet").unlink()
        code, out, err = call("run", config)
        assert code == 0, err
        lost = 38 - int(out.split("38 fine-tunes, ")[1].split()[0])
        assert 0 < lost <= 8
        assert pq.read_table(run / "masks.parquet").equals(plan)
        assert read_value_table(run / "values.parquet").values.tolist() == values


class TestZoom:
    """A split trains only the masks that have some of the parts and not others."""

    def test_values_of_masks_that_the_split_does_not_touch_are_reused(self, call, plain_run, tmp_path):
        run = Path(shutil.copytree(plain_run, tmp_path / "runs" / "tiny"))
        split = ("extend", "runs/tiny", "--split", "Ordek manual", "--parts", "2")
        code, out, err = call(*split, "--masks", "40")
        assert code == 0, err
        # all 18 training masks, and of 4 held-out ones the 2 that have both parts or none, twice
        assert "22 of 48 fine-tunes are valid as measured; 26 are trained" in out
        finer = tmp_path / "runs" / "tiny-Ordek-manual"
        names = dict.fromkeys(pq.read_table(finer / "groups.parquet")["name"].to_pylist())
        assert {"Ordek manual / part 1", "Ordek manual / part 2"} < set(names)
        assert "Ordek manual" not in names
        old, new = read_value_table(run / "values.parquet"), read_value_table(finer / "values.parquet")
        before, after = (table.values[[r == "train" for r in table.roles]] for table in (old, new))
        assert after[:18].tolist() == before.tolist()
        study = load_study(finer / "study.yaml")
        assert (study.name, study.groups.by, study.masks.budget) == ("tiny-Ordek-manual", "list", 40)
        code, out, _ = call("show", "runs/tiny-Ordek-manual")
        assert code == 0
        assert "Ordek manual / part 1" in out

    def test_what_cannot_be_split_is_said_before_anything_is_started(self, call, plain_run, tmp_path):
        shutil.copytree(plain_run, tmp_path / "runs" / "tiny")
        for words, says in (
            (["--split", "Ordek manul", "--parts", "2"], "'Ordek manual'"),
            (["--split", "Ordek manual"], "--by COLUMN, or --parts K"),
            (["--split", "Ordek manual", "--parts", "900"], "write 2 to"),
            (["--parts", "2"], "go with --split"),
        ):
            code, _, err = call("extend", "runs/tiny", *words)
            assert code == 2
            assert says in err
        assert not (tmp_path / "runs" / "tiny-Ordek-manual").exists()
