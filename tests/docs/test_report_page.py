from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from spex_data.reports import write_document
from spex_data.values import ValueTable, write_value_table
from tests.reports.conftest import GROUPS, entry, result, study

PAGE = (Path(__file__).parents[2] / "docs" / "report.md").read_text()


class TestFiguresFromPython:
    """The Python that the page on reports prints draws each figure."""

    def test_it_runs_as_printed(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        found = [entry(GROUPS, (0, 1), -8.1, kind="redundant"), entry(GROUPS, (0,), 4.6)]
        write_document("runs/demo/interactions.json", study(GROUPS, [result("redundant", found)]))
        masks = np.random.default_rng(0).random((40, len(GROUPS))) < 0.5
        values = masks[:, :2].any(axis=1).astype(float)[:, None]
        roles = ("train",) * 32 + ("heldout",) * 8
        table = ValueTable(("redundant",), masks, roles, np.arange(40), values, (None,) * 40)
        write_value_table(table, Path("runs/demo/values.parquet"))
        exec(re.search(r"```python\n(.*?)```", PAGE, re.S).group(1), {})
        assert {path.name for path in Path("figures").iterdir()} == {
            f"{name}.{kind}" for name in ("graph", "heatmap", "heldout") for kind in ("png", "svg")
        }
