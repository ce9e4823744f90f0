from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.test_commands import PAGES, ROOT


def anchors(page: Path) -> set[str]:
    """What a page's headings are linked by: lower case, hyphens for spaces, letters and digits."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", page.read_text(), flags=re.S), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
class TestPages:
    """What a page points at is there."""

    def test_every_link_to_a_file_or_heading_leads_somewhere(self, page):
        links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", page.read_text())
        for name, anchor in links:
            target = (page.parent / name).resolve() if name else page
            assert target.exists(), name
            assert not anchor or anchor in anchors(target), f"{name}#{anchor}"

    def test_every_benchmark_it_names_is_there(self, page):
        named = re.findall(r"benchmarks/\w+\.py", re.sub(r"\n\s*", "", page.read_text()))
        assert [name for name in named if not (ROOT / name).is_file()] == []

    def test_every_study_it_names_is_there(self, page):
        named = re.findall(r"configs/[\w-]+\.yaml", page.read_text())
        assert [name for name in named if not (ROOT / name).is_file()] == []


def test_every_page_of_docs_is_linked_from_readme():
    linked = set(re.findall(r"\]\((docs/\w[\w-]*\.md)", (ROOT / "README.md").read_text()))
    assert linked == {f"docs/{page.name}" for page in PAGES if page.parent.name == "docs"}
