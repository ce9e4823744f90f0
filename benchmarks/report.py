"""How long a report takes to write and to open, and how large it is, by targets and groups.

    python benchmarks/report.py [--quick] [--json FILE]

`with figures` draws, beside the page, the figures that a run has, PNG and SVG, and puts them into it: a graph
and the held-out masks of up to 40 targets, and the heat map.

Documents are made up: each target has all its main effects (64 at most), 20 interactions of two and three
groups with intervals, 64 held-out masks, and an expansion of 2,000 terms. Opening is timed in Debian's
Chromium without a window: until the page has loaded, and until a target's graph stands there (of a page of
many targets: after it was opened).
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from spex_data.reports import (
    Heldout,
    effects_heatmap,
    interaction_graph,
    predicted_against_actual,
    read_results,
    render_report,
    save_figure,
    what_ifs,
    write_table,
)
from spex_data.spectra import FourierExpansion

SIZES = ((1, 2), (1, 24), (12, 24), (24, 64), (200, 64), (1000, 64), (12, 500))
QUICK = ((1, 2), (12, 24), (200, 64))
ROUNDS = 3
MOST_FIGURES = 40


@dataclass(frozen=True)
class Row:
    """One size, measured.

    Attributes:
        targets, groups: The size.
        write_s: Processor seconds to compose the page, without figures.
        figures_s: Processor seconds for figures and page; None for more than 40 targets.
        megabytes, table_megabytes: Of report.html and interactions.csv.
        open_s: Until loaded, median; None without Chromium.
        graph_s: From there until the first graph is drawn, median.
        complaints: What the browser's console said, and requests.
    """

    targets: int
    groups: int
    write_s: float
    figures_s: float | None
    megabytes: float
    table_megabytes: float
    open_s: float | None
    graph_s: float | None
    complaints: tuple[str, ...]


def made_up(n_targets: int, n_groups: int, seed: int = 0) -> dict[str, Any]:
    """The arguments of `render_report` for a study of that size."""
    rng = np.random.default_rng(seed)
    names = [f"source {number} of the corpus" for number in range(n_groups)]
    document = {
        "study": "made up",
        "n_groups": n_groups,
        "groups": names,
        "targets": [_target(rng, names, number) for number in range(n_targets)],
    }
    masks = rng.random((64, n_groups)) < 0.5
    terms = {
        tuple(sorted(rng.choice(n_groups, min(n_groups, size), replace=False).tolist()))
        for size in rng.integers(1, 4, 2000)
    }
    coefficients = rng.standard_normal((len(terms), n_targets)) * rng.pareto(1.5, (len(terms), 1))
    game = FourierExpansion(n_groups, tuple(sorted(terms)), coefficients)
    said = game.evaluate(masks)
    actual = said + 0.1 * rng.standard_normal(said.shape)
    return {
        "document": document,
        "group_texts": [
            [f"text {place} of {name}, of about the length of a question" for place in range(16)]
            for name in names
        ],
        "method": {"Repeat it with": "spex-data run study.yaml"},
        "units": ["log-odds"] * n_targets,
        "heldout": [Heldout(actual[:, place], said[:, place], "log-odds") for place in range(n_targets)],
        "what_if": what_ifs(game, masks, actual, said),
    }


def _target(rng: np.random.Generator, names: list[str], number: int) -> dict[str, Any]:
    sets = [(one,) for one in range(min(len(names), 64))]
    orders = rng.integers(2, 4, 20) if len(names) > 3 else [2]
    sets += [tuple(sorted(rng.choice(len(names), size, replace=False).tolist())) for size in orders]
    values = rng.standard_normal(len(sets)) * rng.pareto(2, len(sets))
    effects = [_effect(names, members, float(value)) for members, value in zip(sets, values)]
    return {
        "name": f"question {number}: what is said of it?",
        "method": "auto",
        "n_masks": 512,
        "r2": 0.91,
        "spearman": 0.9,
        "noise_ceiling": 0.95,
        "interactions": sorted(effects, key=lambda one: -abs(one["value"])),
    }


def _effect(names: list[str], members: tuple[int, ...], value: float) -> dict[str, Any]:
    return {
        "groups": [names[one] for one in members],
        "members": list(members),
        "order": len(members),
        "index": "banzhaf",
        "value": value,
        "ci": [value - 0.3, value + 0.3],
        "moebius": 1.3 * value,
        "full": 0.7 * value,
        "kind": "redundant" if len(members) == 2 else None,
        "q": 0.05,
        "reported": abs(value) > 0.4,
        "verified": "not tested",
    }


def measured(n_targets: int, n_groups: int, folder: Path) -> Row:
    """Writes a page of that size, and opens it."""
    made = made_up(n_targets, n_groups)
    document = made.pop("document")
    began = time.process_time()
    text = render_report(document, **made)
    write_s = time.process_time() - began
    figures_s = _with_figures(document, made, folder) if n_targets <= MOST_FIGURES else None
    page, table = folder / f"{n_targets}-{n_groups}.html", folder / f"{n_targets}-{n_groups}.csv"
    page.write_text(text, encoding="utf-8")
    write_table(table, document)
    opened = [_opened(page) for _ in range(ROUNDS)] if shutil.which("chromium") else []
    return Row(
        n_targets,
        n_groups,
        round(write_s, 2),
        None if figures_s is None else round(figures_s, 2),
        round(page.stat().st_size / 1e6, 2),
        round(table.stat().st_size / 1e6, 2),
        round(float(np.median([one[0] for one in opened])), 2) if opened else None,
        round(float(np.median([one[1] for one in opened])), 2) if opened else None,
        tuple(dict.fromkeys(said for one in opened for said in one[2])),
    )


def _with_figures(document: dict[str, Any], made: dict[str, Any], folder: Path) -> float:
    began = time.process_time()
    figures: dict[str, dict[str, Path]] = {}
    results = read_results(document)
    for target, heldout in zip(document["targets"], made["heldout"]):
        drawn = {
            "graph": interaction_graph(results, target["name"], unit=heldout.unit),
            "heldout": predicted_against_actual(
                heldout.actual, heldout.predicted, target=target["name"], unit=heldout.unit, r2=target["r2"]
            ),
        }
        number = len(figures)
        figures[target["name"]] = {
            kind: save_figure(figure, folder / "figures", f"{number}-{kind}")[1]
            for kind, figure in drawn.items()
        }
    save_figure(effects_heatmap(results, unit="log-odds"), folder / "figures", "effects")
    render_report(document, figures=figures, **made)
    return time.process_time() - began


def _opened(path: Path) -> tuple[float, float, list[str]]:
    from playwright.sync_api import sync_playwright

    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "request",
            lambda asked: None if asked.url.startswith(("data:", "file:")) else said.append(asked.url),
        )
        began = time.perf_counter()
        page.goto(path.as_uri(), wait_until="load", timeout=120_000)
        loaded = time.perf_counter()
        folded = page.locator("details.target > summary")
        if folded.count():
            folded.first.click()
        else:
            page.locator("section.target").first.scroll_into_view_if_needed()
        page.locator("figure.graph svg").first.wait_for(timeout=60_000)
        drawn = time.perf_counter()
        browser.close()
    return loaded - began, drawn - loaded, said


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="three sizes alone")
    parser.add_argument("--json", type=Path, help="file for the figures")
    asked = parser.parse_args()
    table = Table(
        "targets x groups",
        "write, CPU s",
        "with figures, CPU s",
        "page, MB",
        "table, MB",
        "open, s",
        "graph, s",
        "complaints",
    )
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for n_targets, n_groups in QUICK if asked.quick else SIZES:
            row = measured(n_targets, n_groups, Path(folder))
            rows.append(row)
            numbers = (
                row.write_s,
                row.figures_s,
                row.megabytes,
                row.table_megabytes,
                row.open_s,
                row.graph_s,
            )
            table.add_row(
                f"{row.targets} x {row.groups}", *map(str, numbers), "; ".join(row.complaints) or "none"
            )
    Console().print(table)
    if asked.json:
        asked.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
