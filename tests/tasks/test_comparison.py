from __future__ import annotations

import json
from pathlib import Path

from spex_data.reports import write_document
from spex_data.study import parse_study
from tasks.comparison import compare_runs, set_aside
from tasks.provenance import run_differences
from tasks.run_folder import RunFolder
from tests.flows.conftest import study
from tests.reports.conftest import entry, result
from tests.reports.conftest import study as document_of

NAMES = ("a", "b", "c")


def finished(path: Path, value: float, at: str, *, state="finished", **changes) -> RunFolder:
    """A run folder whose result is one pair of a value."""
    path.mkdir(parents=True)
    folder = RunFolder(path)
    asked = parse_study(study(**changes))
    folder.claim(asked, update=False)
    folder.update_manifest(
        {
            "study": asked.name,
            "units": ["log-odds"],
            "versions": {"torch": at},
            "executions": [{"state": state, "finished": at}],
        }
    )
    write_document(folder.interactions, document_of(NAMES, [result("t", [entry(NAMES, (0, 1), value)])]))
    return folder


def set_aside_for(path: Path) -> str | None:
    folder = RunFolder(path)
    set_aside(folder, parse_study(study()))
    return json.loads(folder.before.read_text())["place"] if folder.before.is_file() else None


class TestTheRunBefore:
    """A run is compared with the folder's own result, or with the last of the same study beside it."""

    def test_a_folder_with_a_result_is_its_own_before(self, tmp_path):
        finished(tmp_path / "other", 1.0, "2026-02-01")
        assert set_aside_for(finished(tmp_path / "run", 1.0, "2026-01-01").directory) == str(tmp_path / "run")

    def test_a_new_folder_is_compared_with_the_run_that_finished_last(self, tmp_path):
        finished(tmp_path / "night-2", 1.0, "2026-01-02")
        finished(tmp_path / "night-1", 1.0, "2026-01-01")
        finished(tmp_path / "another-study", 1.0, "2026-01-03", name="another")
        finished(tmp_path / "broken", 1.0, "2026-01-04", state="failed")
        assert set_aside_for(tmp_path / "night-3") == str(tmp_path / "night-2")

    def test_the_first_run_has_none(self, tmp_path):
        assert set_aside_for(tmp_path / "first") is None

    def test_what_was_set_aside_for_a_run_that_was_killed_stays(self, tmp_path):
        folder = finished(tmp_path / "run", 1.0, "2026-01-01")
        assert set_aside_for(folder.directory) == str(tmp_path / "run")
        before = folder.before.read_bytes()
        write_document(folder.interactions, document_of(NAMES, [result("t", [])]))
        set_aside_for(folder.directory)
        assert folder.before.read_bytes() == before


class TestCompareRuns:
    """Two run folders are compared in what they found and in what they were made of."""

    def test_a_pair_that_changed_sign_and_what_differs(self, tmp_path):
        one = finished(tmp_path / "a", 2.0, "2026-01-01")
        other = finished(tmp_path / "b", -2.0, "2026-01-02", training={**study()["training"], "epochs": 2})
        found = compare_runs(one.directory, other.directory)
        assert found["targets"][0]["changes"][0]["status"] == "changed sign"
        assert found["differences"] == ["study: training.epochs: 1 -> 2", "torch: 2026-01-01 -> 2026-01-02"]
        assert found["before"]["run"] == str(tmp_path / "a")


class TestRunDifferences:
    """What two manifests do not have in common is said, and what one does not say is passed over."""

    def test_equal_manifests_do_not_differ(self):
        manifest = {
            "versions": {"torch": "1"},
            "git": {"revision": "a" * 40, "dirty": False},
            "device": "cpu",
        }
        assert run_differences(manifest, dict(manifest)) == []

    def test_data_code_versions_device_and_size_of_a_pass(self):
        before = {
            "hashes": {"data": "1", "model": "2"}, "git": {"revision": "a" * 40, "dirty": False},
            "versions": {"torch": "1", "peft": "1"}, "device": "cpu", "adapters_per_pass_used": [4],
        }  # fmt: skip
        after = {
            "hashes": {"data": "9", "model": "2"}, "git": {"revision": "b" * 40, "dirty": True},
            "versions": {"torch": "2", "peft": "1"}, "device": "cuda", "adapters_per_pass_used": [4, 2],
        }  # fmt: skip
        assert run_differences(before, after) == [
            "data: other content",
            "code: aaaaaaaaaaaa -> bbbbbbbbbbbb with changes",
            "torch: 1 -> 2",
            "device: cpu -> cuda",
            "adapters to a pass: 4 -> 4, then 2",
        ]

    def test_uncommitted_changes_are_never_called_the_same_code(self):
        dirty = {"git": {"revision": "a" * 40, "dirty": True}}
        assert run_differences(dirty, dirty) == [
            "code: aaaaaaaaaaaa with changes -> aaaaaaaaaaaa with changes"
        ]
