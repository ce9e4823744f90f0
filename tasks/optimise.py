"""Which groups to train on: the best subset by what was found, and what a retraining on it gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prefect import get_run_logger, task

from spex_data.errors import ConfigError
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
        "r2": results.targets[target].r2,
        "measured": None,
        "seeds": 0,
    }


@task(
    name="measure the subset",
    task_run_name="measure the subset with {seeds} seeds",
    description="Fine-tune on the subset, or mask by it, and measure the target; the store remembers it.",
    tags=["train"],
)
def measure_subset(directory: str, document: dict[str, Any], *, target: int, seeds: int) -> dict[str, Any]:
    """Measures a subset by the road of every other mask, with seeds that no other mask has.

    Args:
        directory: The run folder.
        document: What `choose_subset` gave.
        target: Number of the target.
        seeds: Retrainings; a value of the other lenses is exact, and one is enough.

    Returns:
        The document with what was measured: the mean over seeds, and each.
    """
    folder = RunFolder(Path(directory))
    study = folder.read_study()
    use_threads(study.runner.threads)
    n = int(folder.read_manifest()["n_groups"])
    mask = np.zeros((1, n), dtype=np.bool_)
    mask[0, document["members"]] = True
    count = 1 if study.lens != "data" else seeds
    drawn = np.array([seed_from(study.seed, "optimise", place) for place in range(count)], dtype=np.int64)
    values = _measured(folder, np.repeat(mask, count, axis=0), drawn)[:, target]
    get_run_logger().info("predicted %.4g, measured %s", document["predicted"], values.round(4).tolist())
    measured = {"measured": float(values.mean()), "each": values.tolist(), "seeds": count}
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
    known, values, _ = folder.store.read().lookup(keys)
    if known.all():
        return values
    measured = function(masks, seeds)
    folder.store.append(
        ValueRecords(
            keys=keys,
            masks=[mask_string(mask) for mask in masks],
            roles=[ROLE] * len(masks),
            seeds=seeds,
            targets=function.target_names,
            values=measured.values,
            causes=measured.causes,
        )
    )
    return np.asarray(measured.values)


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
        times = "" if document["seeds"] == 1 else f", the mean over {document['seeds']} seeds"
        lines.append(f"measured  {document['measured']:+.3f}{times}")
    return lines
