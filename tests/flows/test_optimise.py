from __future__ import annotations

import json
import shutil

import pytest

from spex_data.values import read_value_table
from tasks.optimise import optimum_words

DOCUMENT = {
    "lens": "data",
    "wanted": "largest",
    "target": "t",
    "groups": ["a"],
    "predicted": 2.0,
    "predicted_all": 1.0,
    "predicted_none": 0.0,
    "proven": True,
    "seeds": 1,
    "measured_all": 0.9,
}


@pytest.fixture
def run(plain_run, tmp_path):
    """A copy of a finished run of training data."""
    return shutil.copytree(plain_run, tmp_path / "run")


class TestTrainingData:
    """`optimise` names the groups to train on, and a retraining on them says what they give."""

    def test_the_subset_and_all_groups_are_retrained_once_and_remembered(self, run, call):
        target = read_value_table(run / "values.parquet").targets[0]
        words = ("optimise", str(run), "--keep", "8", "--target", target)
        code, out, err = call(*words, "--json")
        assert code == 0, err
        found = json.loads(out)
        assert (len(found["groups"]), found["proven"], found["seeds"]) == (8, True, 1)
        assert json.loads((run / "optimum.json").read_text()) == found
        parts = sorted((run / "values").iterdir())
        code, out, _ = call(*words)
        assert code == 0
        assert f"measured  {found['measured']:+.3f}; all of them {found['measured_all']:+.3f}" in out
        assert sorted((run / "values").iterdir()) == parts

    def test_without_seeds_nothing_is_measured(self, run, call):
        target = read_value_table(run / "values.parquet").targets[0]
        words = ("optimise", str(run), "--at-most", "8", "--target", target, "--seeds", "0", "--json")
        assert json.loads(call(*words)[1])["measured"] is None

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("--keep", "99"), "--keep: is 99, and the run has 16; write a number from 0 to 16"),
            ((), "--keep and --at-most: are both missing"),
            (("--keep", "2", "--at-most", "3"), "--keep and --at-most: are both given"),
        ],
    )
    def test_sizes_that_cannot_be_are_refused(self, run, call, words, message):
        code, _, err = call("optimise", str(run), "--target", "null", *words)
        assert (code, message in " ".join(err.split())) == (2, True), err


class TestOutcome:
    """What was measured is judged by how far predictions of held-out masks were off."""

    @pytest.mark.parametrize(
        ("measured", "verdict"), [(1.8, "as predicted: off by -0.200"), (1.2, "not as predicted: off by")]
    )
    def test_beyond_what_nine_of_ten_masks_are_off_by_it_is_not_as_predicted(self, measured, verdict):
        last = optimum_words({**DOCUMENT, "measured": measured, "within": 0.5})[-1]
        assert last.startswith(verdict)
        assert last.endswith("9 of 10 held-out masks lay within 0.500")
