from __future__ import annotations

import shutil

import numpy as np
import pytest

from spex_data.reports import what_ifs, write_report
from spex_data.spectra import FourierExpansion

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


@pytest.fixture
def game(hostile):
    """An expansion over the groups of the hostile document, the same for each of its targets but in scale."""
    n_groups, scales = len(hostile["groups"]), np.arange(1.0, len(hostile["targets"]) + 1)
    sets = {(): 0.3, (0,): 1.25, (1,): -0.5, (0, 1): 0.75, (2, 6, 8): -1 / 3, (3, 4, 5, 9): 0.01}
    return FourierExpansion.from_mapping(n_groups, {term: size * scales for term, size in sets.items()})


class TestWhatIfInBrowser:
    """Ticks on the page give what the expansion says, whatever the groups are called."""

    def write(self, path, hostile, game):
        heldout = np.random.default_rng(0).random((12, game.n_groups)) < 0.5
        said = game.evaluate(heldout)
        write_report(path, hostile, what_if=what_ifs(game, heldout, said + 0.25, said))

    def test_the_value_is_that_of_the_expansion(self, browser, hostile, game, tmp_path):
        self.write(tmp_path / "report.html", hostile, game)
        page, asked, said = opened(browser, tmp_path / "report.html")
        boxes = page.locator("details.what-if")
        for target in (0, 7):
            box = boxes.nth(target)
            box.locator("summary").click()
            mask = np.ones(game.n_groups, dtype=bool)
            for group in (0, 8, 2, 8, 5):
                box.locator("input").nth(group).click()
                mask[group] = not mask[group]
                told = float(box.locator("output").get_attribute("data-value"))
                assert told == pytest.approx(game.evaluate(mask[None])[0, target], abs=1e-6)
        assert (asked, said) == ([], [])

    def test_the_interval_is_half_its_width_on_either_side(self, browser, hostile, game, tmp_path):
        self.write(tmp_path / "report.html", hostile, game)
        page, _, _ = opened(browser, tmp_path / "report.html")
        box = page.locator("details.what-if").first
        box.locator("summary").click()
        box.locator("button.none").click()
        value = game.evaluate(np.zeros((1, game.n_groups), dtype=bool))[0, 0]
        words = f"0 of 10 groups: predicted +{value:.2f} (+{value - 0.25:.2f} to +{value + 0.25:.2f})"
        assert box.locator("output").inner_text() == words

    def test_it_is_worked_by_the_keyboard_alone(self, browser, hostile, game, tmp_path):
        self.write(tmp_path / "report.html", hostile, game)
        page, _, _ = opened(browser, tmp_path / "report.html")
        box = page.locator("details.what-if").first
        box.locator("summary").focus()
        page.keyboard.press("Enter")
        box.locator("input").first.wait_for()
        for _ in range(3):
            page.keyboard.press("Tab")
        page.keyboard.press("Space")
        assert box.locator("output").inner_text().startswith("9 of 10 groups")

    def test_hostile_names_are_inert_beside_a_script(self, browser, hostile, game, tmp_path):
        self.write(tmp_path / "report.html", hostile, game)
        page, asked, said = opened(browser, tmp_path / "report.html")
        page.locator("details.what-if summary").first.click()
        words = page.locator("details.what-if").first.locator("label").first.inner_text()
        assert words.strip() == "<script>document.title = 'owned'</script>"
        assert page.locator("script").count() == 2
        assert page.locator("img[src=x], iframe").count() == 0
        assert (asked, said) == ([], [])
