"""What a run has already, by content key, and how it says so before it starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spex_data.masks import MeasurementPlan
from spex_data.reports.durations import duration
from spex_data.value_functions import SubsetTraining, ValueFunction
from spex_data.values import StoredValues


@dataclass(frozen=True)
class Reuse:
    """What is valid of what was measured before.

    Attributes:
        known: bool[r, t], whether the value of a row of the plan and a target is in the store.
        banks: str[r] or None: the file that holds the row's adapter.
        stored: Values in the store, valid or not.
    """

    known: NDArray[np.bool_]
    banks: tuple[str | None, ...]
    stored: int

    @cached_property
    def missing(self) -> NDArray[np.bool_]:
        """bool[r], rows with a target still to be measured."""
        return ~self.known.all(axis=1)

    @cached_property
    def kept(self) -> NDArray[np.bool_]:
        """bool[r], rows to be measured whose adapter needs no training."""
        return self.missing & np.array([bank is not None for bank in self.banks], dtype=np.bool_)


def find_reuse(
    plan: MeasurementPlan, function: ValueFunction, stored: StoredValues, kept: Mapping[str, str]
) -> Reuse:
    """Asks the store and the adapters kept which rows of a plan they have, by content key.

    Args:
        plan: What is wanted.
        function: Its value function; nothing is trained.
        stored: The values there are.
        kept: File of each adapter, by its content key.
    """
    known = stored.lookup(function.keys(plan.masks, plan.seeds))[0]
    trains = isinstance(function, SubsetTraining) and kept
    names = function.adapter_keys(plan.masks, plan.seeds) if trains else [""] * len(plan)
    return Reuse(known, tuple(kept.get(name) for name in names), len(stored))


def reuse_words(
    *,
    total: int,
    done: int,
    kept: int,
    stored: int,
    changed: Sequence[str],
    seconds: float | None,
    work: str = "fine-tunes",
) -> list[str]:
    """What a run says before it starts; nothing of a new one.

    Args:
        total: Fine-tunes of the plan.
        done: How many of them the store has.
        kept: How many of the others have a kept adapter.
        stored: Values in the store, valid or not.
        changed: What differs from the study that the folder held, in words.
        seconds: What a fine-tune took here before, None if unknown.
        work: What is done with a mask.
    """
    train = total - done - kept
    lines = [f"not as before: {', '.join(changed)}"] if changed else []
    if not stored:
        return lines
    parts = []
    if done:
        parts.append(f"{done:,} of {total:,} {work} are valid as measured")
    if kept:
        parts.append(f"{kept:,} of {total:,} have a kept adapter, and are measured on the targets they lack")
    if not parts:
        parts.append(f"none of the {total:,} {work} was measured before as the study is now")
    about = f" (about {duration(train * seconds)} by what one took here)" if seconds and train else ""
    done_with = "trained" if work == "fine-tunes" else "measured"
    parts.append(f"{train:,} are {done_with}{about}" if train else f"nothing is {done_with}")
    return [*lines, "reused: " + "; ".join(parts)]


def note_seconds(manifest: Mapping[str, Any], rows: int, seconds: float) -> dict[str, Any]:
    """The manifest's clock of fine-tunes, one chunk on."""
    before = manifest.get("timed", {"fine_tunes": 0, "seconds": 0.0})
    return {
        "timed": {"fine_tunes": before["fine_tunes"] + rows, "seconds": before["seconds"] + round(seconds, 3)}
    }


def seconds_a_fine_tune(manifest: Mapping[str, Any]) -> float | None:
    """Mean seconds of a fine-tune so far, on one worker; None before the first."""
    timed = manifest.get("timed")
    return timed["seconds"] / timed["fine_tunes"] if timed and timed["fine_tunes"] else None
