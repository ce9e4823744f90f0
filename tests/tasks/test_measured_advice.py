"""What `spex-data plan` advises from what a run measured."""

from __future__ import annotations

import json

from tasks.planning import measured_advice
from tasks.run_folder import RunFolder


def written(tmp_path, *targets):
    (tmp_path / "faithfulness.json").write_text(json.dumps({"study": "s", "targets": list(targets)}))
    return RunFolder(tmp_path)


class TestMeasuredAdvice:
    """More seeds or more masks, by the noise that held-out masks show."""

    def test_before_a_run_came_to_its_end_nothing_is_advised(self, tmp_path):
        assert measured_advice(RunFolder(tmp_path)) is None

    def test_targets_are_counted_by_what_they_would_gain_from(self, tmp_path):
        targets = [{"more": "masks", "noise_share": 0.1}, {"more": "masks", "noise_share": 0.3}]
        advice = measured_advice(written(tmp_path, *targets, {"more": "either", "noise_share": 0.2}))
        assert advice == (
            "20% of a fine-tune's variance is seed noise (median); "
            "more masks for 2 of 3 targets, neither for 1 of 3 targets"
        )

    def test_without_replicates_the_noise_is_said_to_be_unknown(self, tmp_path):
        assert "heldout_seeds" in measured_advice(written(tmp_path, {"more": None, "noise_share": None}))
