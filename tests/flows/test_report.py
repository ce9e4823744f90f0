"""`spex-data report` on a run that has not come to its end."""

from __future__ import annotations

import shutil

import pytest

from tasks.run_folder import RunFolder


@pytest.fixture
def half_done(plain_run, tmp_path):
    """A run as an interrupt leaves it: its first part of values, nothing joined, nothing verified."""
    folder = RunFolder(shutil.copytree(plain_run, tmp_path / "half"))
    for path in (folder.values, folder.verification, folder.interactions, folder.report):
        path.unlink()
    for part in sorted((folder.directory / "values").glob("part-*.parquet"))[2:]:
        part.unlink()
    return folder


class TestReport:
    """What there is gets a page, and the page says what is missing."""

    def test_a_half_done_run_gets_a_page_that_says_how_far_it_is(self, call, half_done):
        code, _, err = call("report", str(half_done.directory))
        assert code == 0, err
        page = half_done.report.read_text()
        assert "of 26 fine-tunes are measured" in page
        assert "26 of 26 fine-tunes are measured" not in page

    def test_a_whole_run_says_nothing_of_the_kind(self, call, plain_run, tmp_path):
        whole = RunFolder(shutil.copytree(plain_run, tmp_path / "whole"))
        code, _, err = call("report", str(whole.directory))
        assert code == 0, err
        assert "fine-tunes are measured" not in whole.report.read_text()
