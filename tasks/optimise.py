"""Which groups to train on: the best subset by what was found, and what a retraining on it gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prefect import get_run_logger, task

from spex_data.errors import ConfigError, TrainingError
from spex_data.masks import mask_string
from spex_data.masks.streams import seed_from
from spex_data.reports import Recovery, write_document
from spex_data.reports.results import read_results
from spex_data.spectra import best_subset
from spex_data.values import ValueRecords
from tasks.inputs import use_threads
from tasks.run_folder import RunFolder
from tasks.value_function import value_function

ROLE = "verify"
_SHARE = 0.9
"""Of held-out masks, whose distance to their prediction is what a prediction may be off by."""


@task(
    name="choose a subset",
    task_run_name="choose {least} to {most} of the groups",
    description="The subset that the expansion is largest or smallest at, by an integer programme (HiGHS).",
    tags=["decode"],
)
def choose_subset(
    recovery: Recovery, *, target: int, least: int, most: int, smallest: bool
) -> dict[str, Any]:
    """Finds the subset; measures nothing.

    Args:
        recovery: What was found.
        target: Number of the target.
        least: Groups present at least.
        most: Groups present at most.
        smallest: Whether the smallest value is wanted.

    Returns:
        The document of optimum.json, without what was measured.
    """
    expansion = recovery.decoded.fits[target].expansion
    found = best_subset(expansion, least=least, most=most, maximise=not smallest)
    results = read_results(recovery.interactions)
    n = expansion.n_groups
    ends = expansion.evaluate(np.array([np.ones(n), np.zeros(n)], dtype=np.bool_))
    return {
        "study": results.study,
        "lens": results.lens,
        "target": results.targets[target].name,
        "wanted": "smallest" if smallest else "largest",
        "least": least,
        "most": most,
        "groups": [results.groups[member] for member in found.members],
        "members": list(found.members),
        "predicted": found.value,
        "proven": found.proven,
        "predicted_all": float(ends[0]),
        "predicted_none": float(ends[1]),
        "within": _usual_miss(recovery, target),
        "r2": results.targets[target].r2,
        "measured": None,
        "measured_all": None,
        "seeds": 0,
    }


def _usual_miss(recovery: Recovery, target: int) -> float | None:
    """What 9 of 10 held-out masks lay within of their prediction; None without held-out masks."""
    if not len(recovery.heldout_masks):
        return None
    missed = np.abs(recovery.heldout_values - recovery.predicted)[:, target]
    return float(np.quantile(missed, _SHARE))


@task(
    name="measure the subset",
    task_run_name="measure the subset with {seeds} seeds",
    description="Fine-tune on the subset and on all, or mask, and measure; the store remembers it.",
    tags=["train"],
)
def measure_subset(directory: str, document: dict[str, Any], *, target: int, seeds: int) -> dict[str, Any]:
    """Measures a subset, and all of the groups beside it, with seeds that no other mask has.

    Args:
        directory: The run folder.
        document: What `choose_subset` gave.
        target: Number of the target.
        seeds: Retrainings of each; a value of the other lenses is exact, and one is enough.

    Returns:
        The document with what was measured: the mean over seeds, and each.

    Raises:
        TrainingError: A retraining failed.
    """
    folder = RunFolder(Path(directory))
    study = folder.read_study()
    use_threads(study.runner.threads)
    n = int(folder.read_manifest()["n_groups"])
    masks = np.ones((2, n), dtype=np.bool_)
    masks[0] = np.isin(np.arange(n), document["members"])
    count = 1 if study.lens != "data" else seeds
    drawn = np.array([seed_from(study.seed, "optimise", place) for place in range(count)], dtype=np.int64)
    found = _measured(folder, np.repeat(masks, count, axis=0), np.tile(drawn, 2))[:, target]
    values, all_values = found[:count], found[count:]
    get_run_logger().info("predicted %.4g, measured %s", document["predicted"], values.round(4).tolist())
    measured = {
        "measured": float(values.mean()),
        "each": values.tolist(),
        "measured_all": float(all_values.mean()),
        "each_all": all_values.tolist(),
        "seeds": count,
    }
    write_document(folder.optimum, {**document, **measured})
    return {**document, **measured}


def _measured(folder: RunFolder, masks: NDArray[np.bool_], seeds: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64[m, t], from the store where it has them."""
    # Here, because whoever names a wrong target needs no torch.
    from spex_data.value_functions import SubsetTraining

    function: Any = value_function(folder)
    if isinstance(function, SubsetTraining):
        function = function.with_pass_size(folder.adapters_per_pass())
    keys = function.keys(masks, seeds)
    known, values, causes = folder.store.read().lookup(keys)
    missing = np.flatnonzero(~known.all(axis=1))
    if len(missing):
        measured = function(masks[missing], seeds[missing])
        values[missing] = measured.values
        causes += measured.causes
        folder.store.append(
            ValueRecords(
                keys=[keys[row] for row in missing],
                masks=[mask_string(mask) for mask in masks[missing]],
                roles=[ROLE] * len(missing),
                seeds=seeds[missing],
                targets=function.target_names,
                values=measured.values,
                causes=measured.causes,
            )
        )
    _require_whole(causes)
    return np.asarray(values)


def _require_whole(causes: Sequence[str | None]) -> None:
    if cause := next((one for one in causes if one is not None), None):
        raise TrainingError(
            f"a retraining failed: {cause}",
            where="optimise",
            instead="lower training.learning_rate, or set training.clip_norm, and run the study again",
        )


def sizes_asked(n: int, keep: int | None, at_most: int | None) -> tuple[int, int]:
    """(least, most) groups.

    Raises:
        ConfigError: Both or none are given, or more than there are.
    """
    if (keep is None) == (at_most is None):
        raise ConfigError(
            "are both given" if keep is not None else "are both missing",
            where="--keep and --at-most",
            instead="write one of them: --keep 8 for exactly 8 groups, --at-most 8 for 8 or fewer",
        )
    size = keep if keep is not None else at_most
    if size is None or not 0 <= size <= n:
        raise ConfigError(
            f"is {size}, and the run has {n}",
            where="--keep" if keep is not None else "--at-most",
            instead=f"write a number from 0 to {n}",
        )
    return (size, size) if keep is not None else (0, size)


def optimum_words(document: dict[str, Any]) -> list[str]:
    """What was chosen and what it gave, in lines."""
    many = "train on" if document["lens"] == "data" else "keep"
    lines = [
        f"{document['wanted']} value of {document['target']}: {many} {len(document['groups'])}",
        *(f"  {name}" for name in document["groups"]),
        f"predicted {document['predicted']:+.3f}; all of them {document['predicted_all']:+.3f}, none"
        f" {document['predicted_none']:+.3f}",
    ]
    if not document["proven"]:
        lines.append("not proven to be the best: the solver's time was over, or small terms were left out")
    if document["measured"] is not None:
        times = "" if document["seeds"] == 1 else f", means over {document['seeds']} seeds"
        lines.append(
            f"measured  {document['measured']:+.3f}; all of them {document['measured_all']:+.3f}{times}"
        )
        lines += _outcome(document)
    return lines


def _outcome(document: dict[str, Any]) -> list[str]:
    """Whether the measured value is as predicted; the best of many predictions is rather too good."""
    if document["within"] is None:
        return []
    off, within = document["measured"] - document["predicted"], document["within"]
    verdict = "as predicted" if abs(off) <= within else "not as predicted"
    return [f"{verdict}: off by {off:+.3f}, and 9 of 10 held-out masks lay within {within:.3f}"]
