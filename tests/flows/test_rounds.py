from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from spex_data.study import load_study
from spex_data.values import read_value_table
from tests.flows.conftest import COMMAND, write_study

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


def written(run: Path) -> tuple[pa.Table, list[list[float]], list[int]]:
    """Masks, values, and the masks at the end of each round."""
    rounds = json.loads((run / "rounds.json").read_text())["rounds"]
    masks, values = pq.read_table(run / "masks.parquet"), read_value_table(run / "values.parquet")
    return masks, values.values.tolist(), [one["masks"] for one in rounds]


class TestInterruptedRounds:
    """A study in rounds comes to the same however often it is interrupted."""

    def test_killed_in_its_second_round_it_ends_as_if_it_never_was(
        self, call, tmp_path, environment, prefect_server
    ):
        small = {"kind": "inline", "chunk": 2}
        config = write_study(tmp_path / "tiny.yaml", masks=GOAL, runner=small, verify={"enabled": False})
        killed = tmp_path / "killed"
        env = {**environment, "PREFECT_API_URL": prefect_server}
        with (tmp_path / "said.txt").open("w") as said:
            process = subprocess.Popen(
                [COMMAND, "run", config, "--out", str(killed)],
                stdout=said,
                stderr=said,
                cwd=tmp_path,
                env=env,
            )
            until = time.monotonic() + 200
            while parts_of_round_two(killed) < 2 and process.poll() is None and time.monotonic() < until:
                time.sleep(0.02)
            os.kill(process.pid, signal.SIGKILL)
            assert process.wait(10) == -signal.SIGKILL, (tmp_path / "said.txt").read_text()
        assert not (killed / "interactions.json").exists()
        code, out, err = call("run", config, "--out", str(killed))
        assert code == 0, err
        assert 28 < int(out.split("38 fine-tunes, ")[1].split()[0]) < 38
        code, _, err = call("run", config)
        assert code == 0, err
        (masks, values, ends), whole = written(killed), written(tmp_path / "runs" / "tiny")
        assert masks.equals(whole[0])
        assert values == whole[1]
        assert ends == whole[2] == [20, 30]

    def test_a_limit_of_time_ends_any_of_its_rounds_between_chunks_and_it_goes_on(self, call, tmp_path):
        goal = {**GOAL, "scheme": "bernoulli"}
        config = write_study(tmp_path / "tiny.yaml", masks=goal, verify={"enabled": False})
        limit = ("run", config, "--out", "limited", "--set", "runner.max_hours=0.000001")
        said = []
        for _ in range(8):
            code, out, err = call(*limit)
            if code == 0:
                break
            assert code == 130
            said.append(err.split("runner.max_hours = 1e-06: ")[1].split(" fine-tunes")[0].split(" of "))
        # 28 fine-tunes in round one, 10 more in round two, never more than what a chunk still lacks
        measured = [0, *(int(done) for done, _ in said)]
        assert all(0 < after - before <= 8 for before, after in pairwise(measured))
        assert [whole for _, whole in said] == ["28"] * (len(said) - 1) + ["38"]
        assert f"38 fine-tunes, {measured[-1]} of 38 were measured before" in out
        code, _, err = call("run", config)
        assert code == 0, err
        (masks, values, ends), whole = written(tmp_path / "limited"), written(tmp_path / "runs" / "tiny")
        assert masks.equals(whole[0])
        assert values == whole[1]
        assert ends == whole[2]


def parts_of_round_two(run: Path) -> int:
    """Files of values that were written since the first round was judged."""
    rounds = run / "rounds.json"
    if not rounds.is_file():
        return 0
    judged = rounds.stat().st_mtime
    return sum(part.stat().st_mtime > judged for part in (run / "values").glob("part-*.parquet"))


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
