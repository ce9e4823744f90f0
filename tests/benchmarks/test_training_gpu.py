from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "training_gpu.py"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What the script's own tiny mode prints and writes, on a CPU."""
    path = tmp_path_factory.mktemp("gpu") / "rates.json"
    words = [sys.executable, SCRIPT, "--device", "cpu", "--quick", "--json", path]
    done = subprocess.run(words, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(path.read_text())


class TestQuick:
    """The script runs without a GPU, and says so in what it writes."""

    def test_engine_and_loop_are_timed_at_three_depths(self, found):
        rates = found[1]["rates"]
        assert [(rate["layers"], rate["method"]) for rate in rates] == [
            (layers, way)
            for layers in ("last-1", "last-2", "all")
            for way in ("PEFT loop", "engine, 1 a pass", "engine, 4 a pass")
        ]
        assert all(rate["masks_per_hour"] > 0 and rate["share_of_peak"] > 0 for rate in rates)

    def test_it_does_not_pass_for_a_measurement_on_a_gpu(self, found):
        out, document = found
        assert document["tried_on_a_gpu"] is False
        assert "on cpu" in out
        assert "untried on a GPU" in " ".join(SCRIPT.read_text().split())

    def test_without_a_device_it_says_what_to_write(self):
        done = subprocess.run([sys.executable, SCRIPT, "--device", "cuda"], capture_output=True, text=True)
        assert done.returncode == 2
        assert "--device cpu --quick" in done.stderr
