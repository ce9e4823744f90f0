"""One's own hypothesis on a real run, by the command."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest
import yaml
from prefect.logging import disable_run_logger

from flows import measuring, verification
from flows.stopping import Stopped
from spex_data.reports import read_document
from tasks.design import Chunk
from tasks.measure import SpanDone
from tasks.run_folder import RunFolder
from tasks.tracking import TrackedRun
from tasks.verify import Planned


@pytest.fixture
def run_copy(plain_run, tmp_path) -> RunFolder:
    """A finished run of one's own, whose hypotheses are retrained on four backgrounds."""
    folder = RunFolder(Path(shutil.copytree(plain_run, tmp_path / "run")))
    study = yaml.safe_load(folder.study.read_text())
    study["verify"] |= {"backgrounds": 4, "full": 1}
    folder.study.write_text(yaml.safe_dump(study))
    return folder


class TestVerify:
    """`spex-data verify` retrains what decides one's own hypothesis."""

    def test_a_study_too_small_for_one_interaction_says_so_and_trains_nothing(self, plain_run):
        document = read_document(plain_run / "verification.json")
        assert document["tests"] == []
        assert document["fine_tunes"] == 0
        assert document["note"]

    def test_it_prints_cost_and_verdict_for_each_target_and_reuses_what_it_measured(
        self, spex_data, run_copy
    ):
        run = str(run_copy.directory)
        first = spex_data("verify", run, "--groups", "0,1", "--seeds", "2", "--json")
        assert first.returncode == 0, first.stderr
        assert "this takes 24 fine-tunes" in first.stderr
        document = json.loads(first.stdout)
        assert [test["backgrounds"] for test in document["tests"]] == [4] * 5
        for test in document["tests"]:
            everything, *others = test["without"]
            assert everything["groups"] == []
            for one in others:
                assert one["change"] == pytest.approx(one["value"] - everything["value"])
                assert one["change_ci"][0] <= one["change"] <= one["change_ci"][1]
        again = spex_data("verify", run, "--groups", "0,1", "--target", "redundant")
        assert again.returncode == 0, again.stderr
        assert "this takes 0 fine-tunes; 20 of 20 are measured already" in again.stdout
        assert document["tests"][0]["verdict"] in again.stdout

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (["--groups", "0"], "names 1 group"),
            (["--groups", "0,0"], "one group twice"),
            (["--groups", "0,nobody"], "no such group"),
            (["--groups", "0,1", "--target", "nothing"], "nothing"),
        ],
    )
    def test_what_a_run_does_not_have_is_named_with_what_it_has(self, spex_data, plain_run, words, told):
        done = spex_data("verify", str(plain_run), *words)
        assert done.returncode == 2
        assert told in done.stderr
        assert "Traceback" not in done.stderr


class TestLimit:
    """`runner.max_hours` bounds verification too."""

    @pytest.fixture
    def run_folder(self, monkeypatch, plain_run):
        """A study whose chunks of verification take no time."""

        def measured(_directory, span, _deadline):
            return SpanDone(rows=(), done=span.missing, failed=1, started=0.0, seconds=0.0)

        monkeypatch.setattr(verification, "verify", verification.verify.fn)
        monkeypatch.setattr(measuring, "measure", measured)
        with disable_run_logger():
            yield RunFolder(plain_run)

    CHUNKS = tuple(
        Chunk(
            index=start // 4,
            start=start,
            stop=start + 4,
            total=12,
            rows=tuple(range(start, start + 4)),
            plan="plan",
        )
        for start in (4, 8)
    )
    PLANNED = Planned(total=12, done=4, chunks=CHUNKS)

    def test_a_limit_that_is_over_ends_it_between_chunks_and_says_how_far_it_is(self, run_folder):
        with pytest.raises(Stopped, match="8 of 12 fine-tunes of verification are measured"):
            self.retrained(run_folder, time.time() - 1)

    def test_a_limit_far_away_ends_nothing_and_what_failed_is_counted(self, run_folder):
        assert self.retrained(run_folder, time.time() + 3600) == 2

    def retrained(self, run_folder, deadline):
        study, directory = run_folder.read_study(), str(run_folder.directory)
        return verification.retrained(study, directory, self.PLANNED, TrackedRun(), deadline)
