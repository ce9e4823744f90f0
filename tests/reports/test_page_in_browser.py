from __future__ import annotations

import shutil

import pytest

from spex_data.reports import write_report

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium without a window."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.fail("Chromium is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"], timeout=60_000
        )
        yield running
        running.close()


def opened(browser, path, **options):
    """The page from disk, with what it asked for and what it complained of."""
    page = browser.new_context(**options).new_page()
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(path.as_uri())
    return page, [url for url in asked if not url.startswith("data:") and url != path.as_uri()], said


class TestPageInBrowser:
    """A real browser opens the page from disk, quietly, at any width and in both colour schemes."""

    def test_it_asks_nobody_and_complains_of_nothing(self, browser, demo, tmp_path):
        write_report(tmp_path / "report.html", demo, group_texts=[["text"] * 9] * 16)
        page, asked, said = opened(browser, tmp_path / "report.html")
        assert (asked, said) == ([], [])
        assert page.locator("h1").inner_text() == "Which groups of training examples act together?"

    def test_hostile_names_are_inert(self, browser, hostile, tmp_path):
        texts = [[name] * 9 for name in hostile["groups"]]
        write_report(
            tmp_path / "report.html", hostile, group_texts=texts, method={name: name for name in texts[0]}
        )
        page, asked, said = opened(browser, tmp_path / "report.html")
        assert (asked, said) == ([], [])
        assert "owned" not in page.title().replace("document.title = 'owned'", "")
        assert page.locator("script, img[src=x], iframe").count() == 0

    @pytest.mark.parametrize("width", [390, 820, 1280])
    def test_nothing_sticks_out_sideways(self, browser, hostile, tmp_path, width):
        write_report(tmp_path / "report.html", hostile, group_texts=[[name] for name in hostile["groups"]])
        page, _, _ = opened(browser, tmp_path / "report.html", viewport={"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    def test_dark_is_dark_and_print_is_light(self, browser, demo, tmp_path):
        write_report(tmp_path / "report.html", demo)
        page, _, _ = opened(browser, tmp_path / "report.html", color_scheme="dark")
        paper = "getComputedStyle(document.documentElement).getPropertyValue('--paper').trim()"
        assert page.evaluate(paper) == "#1b1f26"
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate(paper) == "#ffffff"

    def test_details_and_tables_are_reached_by_the_keyboard(self, browser, demo, tmp_path):
        write_report(tmp_path / "report.html", demo, group_texts=[["text"] * 9] * 16)
        page, _, _ = opened(browser, tmp_path / "report.html")
        reached = set()
        for _ in range(30):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.className || document.activeElement.tagName"))
        assert {"skip", "A", "scroll", "group", "SUMMARY"} <= reached
