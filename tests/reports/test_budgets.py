from __future__ import annotations

import io

import pytest
from rich.console import Console

from spex_data.reports.budgets import MEASURED, budget_rows, budget_table


def plan(**changes):
    return {
        "groups": 16,
        "masks": 128,
        "heldout_masks": 20,
        "heldout_seeds": 2,
        "workers": 2,
        "engine": {"seconds_a_mask": 3.0},
        **changes,
    }


class TestBudgets:
    """A plan says what other budgets cost and what they were measured to recover, and makes up nothing."""

    def test_a_budget_that_was_measured_has_its_figures_and_one_that_was_not_has_none(self):
        measured = next(row for row in budget_rows(plan()) if row["this"])
        between = next(row for row in budget_rows(plan(masks=150)) if row["this"])
        assert (measured["alpha"], measured["r2"]) == (2, MEASURED[1].r2)
        assert [between[key] for key in ("r2", "r2_least", "recall", "f1")] == [None] * 4

    @pytest.mark.parametrize("groups", [2, 3, 20, 500])
    def test_a_budget_by_alpha_is_known_again_after_rounding(self, groups):
        from math import log2

        masks = int(4 * groups * log2(groups))
        rows = budget_rows(plan(groups=groups, masks=masks))
        assert [row["alpha"] for row in rows if row["this"]] == [4]
        assert len(rows) == len(MEASURED)

    def test_time_is_of_all_fine_tunes_on_all_workers(self):
        own = next(row for row in budget_rows(plan()) if row["this"])
        assert (own["fine_tunes"], own["seconds"]) == (168, 252.0)

    def test_no_line_is_wider_than_80_columns_and_the_source_of_the_figures_is_named(self):
        out = io.StringIO()
        rows = budget_rows(plan(groups=500, masks=99_999, engine={"seconds_a_mask": 3e4}))
        Console(file=out, width=80, force_terminal=False).print(budget_table(rows))
        assert max(map(len, out.getvalue().splitlines())) <= 80
        assert "benchmarks/budgets.py" in out.getvalue()
        assert "not measured" in out.getvalue()
