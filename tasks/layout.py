"""What of a run goes where in MLflow, at any size: curves of the whole run, a child run a span of chunks.

The run: parameters, data sets, curves over the plan, scores, the largest effects, every file.
A child: the curves of its own rows. It is written once, when its span has ended, so that no child is left
open by a process that was killed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from spex_data.reports import read_results
from tasks.measure import SpanDone
from tasks.spans import Span
from tasks.tracking import TrackedRun, closed_child, log_curves, set_tags

MOST_TARGETS = 10
"""Targets whose largest effects are metrics of their own; interactions.json holds all."""
EFFECTS_A_TARGET = 3


def record_span(run: TrackedRun, span: Span, done: SpanDone, *, so_far: int, failed: int) -> None:
    """Writes a span that has ended: its child run, and its point on every curve of the run.

    Args:
        run: The run of this execution.
        span: What was measured.
        done: What it came to.
        so_far: Fine-tunes of the plan that are measured by now.
        failed: How many of this execution's failed by now.
    """
    losses = [(row.row, row.loss) for row in done.rows]
    values = [(row.row, row.value) for row in done.rows]
    a_fine_tune = done.seconds / max(1, len(done.rows))
    # Rows of another plan have numbers of their own, so their curves have names of their own.
    prefix = "" if span.stage == "fine-tune" else f"{span.stage}."
    closed_child(
        run,
        span.name,
        "FINISHED",
        curves={"loss": losses, "value.mean": values, "seconds_per_fine_tune": [(span.start, a_fine_tune)]},
        tags=_tags(span) | {"spex.failed": str(done.failed)},
        started=done.started,
        seconds=done.seconds,
    )
    log_curves(
        run,
        {
            f"{prefix}loss.mean": [(span.last, _mean(losses))],
            f"{prefix}value.mean": [(span.last, _mean(values))],
            f"{prefix}seconds_per_fine_tune": [(span.last, a_fine_tune)],
            f"{prefix}fine_tunes": [(so_far, float(so_far))],
            f"{prefix}fine_tunes.failed": [(so_far, float(failed))],
        },
    )


def record_failed_span(run: TrackedRun, span: Span, error: BaseException) -> None:
    """Writes a span that ended in an error: FAILED, with the error's words."""
    note = {"mlflow.note.content": f"{type(error).__name__}: {error}"[:2000]}
    closed_child(run, span.name, "FAILED", curves={}, tags=_tags(span) | note)


def record_effects(run: TrackedRun, document: Mapping[str, Any]) -> None:
    """Writes the largest interactions as metrics and as a tag, for comparing runs side by side.

    Those that were tested and not told from chance are left out.

    Args:
        run: The run of this execution.
        document: What interactions.json holds.
    """
    curves: dict[str, list[tuple[int, float]]] = {}
    largest: list[tuple[float, str]] = []
    for target in read_results(document).targets[:MOST_TARGETS]:
        told = [one for one in target.interactions if one.reported is not False and one.value]
        for found in told[:EFFECTS_A_TARGET]:
            name = f"{target.name}: {' x '.join(found.groups)}"
            curves[f"effect. {name}"] = [(0, found.value)]
            largest.append((found.value, name))
    log_curves(run, curves)
    largest.sort(key=lambda one: -abs(one[0]))
    if largest:
        set_tags(run, {"spex.largest": "; ".join(f"{name} {value:+.2f}" for value, name in largest[:3])})


def _tags(span: Span) -> dict[str, str]:
    return {
        "spex.stage": span.stage,
        "spex.chunks": f"{span.chunks[0].index}-{span.chunks[-1].index}",
        "spex.fine_tunes": str(span.missing),
    }


def _mean(points: Sequence[tuple[int, float]]) -> float:
    known = [value for _, value in points if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
