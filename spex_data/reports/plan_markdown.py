"""What a study will cost, as Markdown for a narrow form on a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spex_data.reports.durations import duration, size
from spex_data.reports.labels import inert


def plan_markdown(plan: Mapping[str, Any]) -> str:
    """A sentence and a table of two columns.

    Args:
        plan: The document that `spex-data plan --json` prints.
    """
    engine, loop = plan["engine"], plan["loop"]
    each, alone = duration(engine["seconds_a_mask"]), duration(loop["seconds_a_mask"])
    workers = "1 worker" if plan["workers"] == 1 else f"{plan['workers']} workers"
    rows = {
        "to do": f"{plan['missing']:,} of {plan['fine_tunes']:,} fine-tunes",
        "masks": f"{plan['masks']:,}, and {plan['heldout_masks']} held out x {plan['heldout_seeds']} seeds",
        "data": f"{plan['examples']:,} examples in {plan['groups']} groups, {plan['targets']:,} targets",
        "model": f"{inert(plan['model'])}, {plan['dtype']} on {plan['device']}",
        "a fine-tune": f"{each} ({alone} one at a time)",
        "adapters to a pass": str(plan["adapters_per_pass"]),
        "memory of a worker": f"{size(plan['worker_bytes'])} of {size(plan['free_bytes'])}",
        "disk": f"{size(plan['disk_bytes'])} of {size(plan['disk_free_bytes'])}",
    }
    table = "\n".join(f"| {name} | {_cell(value)} |" for name, value in rows.items())
    return (
        f"**{inert(plan['study'])}** would train for **{duration(engine['seconds'])}** on {workers}.\n\n"
        f"| | |\n|---|---|\n{table}\n\n"
        f"Scaled up from parts of {plan['probed']} fine-tunes; decoding, the report and tracking come on top."
    )


def _cell(value: str) -> str:
    """A value that is one cell, whatever a study's names hold."""
    return value.replace("|", "\\|").replace("\n", " ")
