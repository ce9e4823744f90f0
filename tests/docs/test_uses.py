from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from spex_data.surrogate import group_scores
from tests.surrogate.test_surrogate import MASKS, SEEDS, built, function_of

PAGE = (Path(__file__).parents[2] / "docs" / "uses.md").read_text()


class TestScoresFromPython:
    """The Python that the page on uses prints gives the scores of a run's groups."""

    def test_it_runs_as_printed(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        function = function_of()
        made = built(function, function(MASKS, SEEDS).bank)
        (tmp_path / "runs" / "demo" / "surrogate").mkdir(parents=True)
        made.save(Path("runs/demo/surrogate/gradients.safetensors"))
        pq.write_table(function.grouping.to_table(), "runs/demo/groups.parquet")
        names: dict[str, object] = {}
        exec(re.search(r"```python\n(.*?)```", PAGE, re.S).group(1), names)
        assert names["scores"].shape == (4, 3)
        np.testing.assert_array_equal(names["scores"], group_scores(made, function.grouping, ridge=0.1))
