from __future__ import annotations

import io

import pytest
from rich.console import Console

from spex_data.reports import plan_table
from spex_data.reports.durations import duration, size

WAY = {
    "seconds_a_mask": 0.031,
    "training_seconds_a_mask": 0.029,
    "measuring_seconds_a_mask": 0.002,
    "microseconds_per_token": 12.0,
    "seconds": 11.9,
}
PLAN = {
    "study": "a-study-with-a-[long]-name",
    "model": "Qwen/Qwen2.5-0.5B-Instruct-of-ones-own",
    "device": "cuda",
    "dtype": "bfloat16",
    "examples": 123_456,
    "groups": 64,
    "targets": 20,
    "masks": 1536,
    "heldout_masks": 64,
    "heldout_seeds": 2,
    "fine_tunes": 1664,
    "missing": 1600,
    "tokens_a_mask": 1_234_567.0,
    "workers": 4,
    "adapters_per_pass": 8,
    "engine": WAY,
    "loop": {**WAY, "seconds_a_mask": 0.31, "seconds": 4567.0},
    "worker_bytes": 12_345_678_901,
    "free_bytes": None,
    "disk_bytes": 1_234_567,
    "disk_free_bytes": 98_765_432_101,
    "probed": 40,
    "probe_seconds": 4.2,
    "clock": "processor",
}


def printed(plan, width=80):
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False).print(plan_table(plan))
    return out.getvalue()


class TestPlanTable:
    """What a study costs, beside one adapter at a time, in 80 columns."""

    def test_no_line_is_wider_than_the_terminal_and_no_figure_is_cut(self):
        text = printed(PLAN)
        assert max(map(len, text.splitlines())) <= 80
        for figure in (
            "1,664 fine-tunes",
            "64 are measured already",
            "31 ms",
            "310 ms",
            "10.0 times",
            "12 s",
        ):
            assert figure in text
        for figure in ("76 min", "1,600 fine-tunes", "12.3 GB", "unknown free", "1.2 MB", "98.8 GB free"):
            assert figure in text
        assert "…" not in text

    def test_names_are_shown_as_they_are(self):
        assert "a-study-with-a-[long]-name" in printed(PLAN)

    @pytest.mark.parametrize(("clock", "words"), [("processor", "idle core"), ("wall", "other work")])
    def test_it_says_what_its_seconds_are(self, clock, words):
        assert words in printed({**PLAN, "clock": clock})

    def test_a_study_that_is_done_has_nothing_left(self):
        nothing = {**WAY, "seconds_a_mask": 0.0, "training_seconds_a_mask": 0.0, "seconds": 0.0}
        text = printed({**PLAN, "missing": 0, "engine": nothing, "loop": nothing})
        assert "1,664 are measured already" in text


class TestWords:
    """Times and sizes in the units that people use."""

    @pytest.mark.parametrize(
        ("seconds", "words"),
        [
            (0.0, "0.0 ms"),
            (0.0021, "2.1 ms"),
            (0.25, "250 ms"),
            (1.5, "1.5 s"),
            (89, "89 s"),
            (91, "1.5 min"),
            (5399, "90 min"),
            (9000, "2.5 h"),
            (10**6, "12 days"),
        ],
    )
    def test_durations(self, seconds, words):
        assert duration(seconds) == words

    @pytest.mark.parametrize(
        ("n_bytes", "words"),
        [(0, "0 B"), (999, "999 B"), (2_000, "2.0 kB"), (450_000_000, "450 MB"), (None, "unknown")],
    )
    def test_sizes(self, n_bytes, words):
        assert size(n_bytes) == words
