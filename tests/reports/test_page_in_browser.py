from __future__ import annotations

import shutil

import numpy as np
import pytest

from spex_data.reports import Heldout, what_ifs, write_report
from spex_data.reports.page import MOST_TARGETS, MOST_WHOLE
from spex_data.spectra import FourierExpansion
from tests.reports.conftest import entry, result, study

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
        assert page.locator("img[src=x], iframe").count() == 0
        assert page.evaluate("Array.from(document.scripts).filter((one) => !one.type).length") == 2

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
        page.locator("#target-0 figure.graph").scroll_into_view_if_needed()
        page.locator("#target-0 .mark").first.wait_for()
        reached = set()
        focused = "document.activeElement.getAttribute('class') || document.activeElement.tagName"
        for _ in range(60):
            page.keyboard.press("Tab")
            reached.add(page.evaluate(focused))
        assert {"skip", "A", "scroll", "group", "SUMMARY", "INPUT", "mark"} <= reached


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
        assert page.locator("img[src=x], iframe").count() == 0
        assert (asked, said) == ([], [])


class TestGraphInBrowser:
    """The graph says by pointing and by keys what its tables say."""

    def write(self, path, document):
        sides = [Heldout([0.0, 1.0, 2.0], [0.1, 1.2, 1.9], "log-odds")] * len(document["targets"])
        write_report(path, document, heldout=sides)

    def test_it_has_a_mark_for_every_group_and_every_set(self, browser, demo, tmp_path):
        self.write(tmp_path / "report.html", demo)
        page, asked, said = opened(browser, tmp_path / "report.html")
        graph = page.locator("#target-2 figure.graph")
        graph.scroll_into_view_if_needed()
        graph.locator(".mark").first.wait_for()
        assert graph.locator(".mark:not(.set)").count() == 3
        assert graph.locator(".mark.set.boxed").count() == 1
        assert page.locator("#target-2 figure.heldout circle").count() == 3
        assert page.locator("#target-3 figure.graph").count() == 0
        assert (asked, said) == ([], [])

    def test_arrow_keys_go_from_mark_to_mark_and_tell_its_numbers(self, browser, demo, tmp_path):
        self.write(tmp_path / "report.html", demo)
        page, _, _ = opened(browser, tmp_path / "report.html")
        graph = page.locator("#target-0 figure.graph")
        graph.scroll_into_view_if_needed()
        graph.locator(".mark").first.focus()
        told = []
        for _ in range(3):
            told.append(graph.locator(".detail").inner_text())
            page.keyboard.press("ArrowRight")
        assert told[0] == "lurn-manual: +4.60 (+4.40 to +4.80); helps."
        assert told[2].startswith("lurn-manual × lurn-forum: −8.10 (−8.30 to −7.90); redundant")
        assert graph.locator(".mark[tabindex='0']").count() == 1

    def test_the_slider_shows_smaller_interactions(self, browser, demo, tmp_path):
        self.write(tmp_path / "report.html", demo)
        page, _, _ = opened(browser, tmp_path / "report.html")
        graph = page.locator("#target-0 figure.graph")
        graph.scroll_into_view_if_needed()
        graph.locator(".mark").first.wait_for()
        assert graph.locator(".mark.set").count() == 1
        graph.locator("input").press("ArrowRight")
        assert graph.locator(".mark.set").count() == 2
        assert graph.locator(".count").inner_text() == "2 of 2"

    def test_without_scripts_the_figures_stand_in_its_place(self, browser, demo, tmp_path):
        (tmp_path / "graph.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
        figures = {"redundant": {"graph": tmp_path / "graph.svg"}}
        write_report(tmp_path / "report.html", demo, figures=figures)
        page, _, _ = opened(browser, tmp_path / "report.html", java_script_enabled=False)
        assert page.locator("#target-0 img").is_visible()
        assert not page.locator("#target-0 figure.drawn").is_visible()


def sized(n_targets, n_groups):
    """A document of that size whose first two groups interact on every target."""
    names = [f"group {number}" for number in range(n_groups)]
    found = [entry(names, (0, 1), -3.0, kind="redundant")]
    found += [entry(names, (group,), 0.1 + 0.01 * group) for group in range(n_groups)]
    return study(names, [result(f"asked {number}", found) for number in range(n_targets)])


class TestSizesInBrowser:
    """From the smallest study to the largest the page opens quietly and its graphs are drawn."""

    @pytest.mark.parametrize(("n_targets", "n_groups"), [(1, 2), (3, 500), (1000, 2)])
    def test_it_opens_and_draws(self, browser, tmp_path, n_targets, n_groups):
        path = tmp_path / "report.html"
        write_report(path, sized(n_targets, n_groups))
        page, asked, said = opened(browser, path)
        if n_targets > MOST_WHOLE:
            assert page.locator("details.target").count() == min(n_targets, MOST_TARGETS)
            page.locator("details.target > summary").nth(3).click()
        else:
            page.locator("section.target").first.scroll_into_view_if_needed()
        page.locator("figure.graph svg .mark.set").first.wait_for()
        assert page.locator("h1").count() == 1
        assert (asked, said) == ([], [])
        assert path.stat().st_size < 3_000_000

    def test_a_link_to_a_packed_target_opens_it(self, browser, tmp_path):
        write_report(tmp_path / "report.html", sized(MOST_WHOLE + 1, 4))
        page, _, _ = opened(browser, tmp_path / "report.html")
        page.locator("#answers ol a").nth(2).click()
        page.locator("details.target[open] figure.graph svg").wait_for()
        assert page.locator("details.target[open]").count() == 1
