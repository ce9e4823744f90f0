"""What to keep of a model: the best subsets by the expansion, measured beside baselines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from prefect import get_run_logger, task

from spex_data.reports import Recovery, write_document
from spex_data.reports.prune_words import prune_words
from spex_data.spectra import FourierExpansion
from tasks.artifacts import show_table
from tasks.inputs import use_threads
from tasks.run_folder import RunFolder
from tasks.tracking import TrackedRun, log_curves, log_files
from tasks.value_function import value_function

if TYPE_CHECKING:
    from spex_data.value_functions.pruning import Candidate

RULES = ("expansion", "single effects", "magnitude")


@task(
    name="prune",
    task_run_name="find what to keep, and measure it",
    description="The best subsets by the expansion (HiGHS), measured beside baselines.",
    tags=["decode"],
)
def prune(directory: str, recovery: Recovery, tracked: TrackedRun) -> dict[str, Any] | None:
    """Writes prune.json; None where the study asks for no size.

    Args:
        directory: The run folder of a study of components.
        recovery: What was found; the first output decides.
        tracked: The MLflow run.
    """
    # Here, because whoever only reads what came of it needs no torch.
    from spex_data.value_functions.magnitudes import component_magnitudes
    from spex_data.value_functions.pruning import measured_candidates, pruning_candidates

    folder = RunFolder(Path(directory))
    study = folder.read_study()
    use_threads(study.runner.threads)
    function: Any = value_function(folder)
    sizes = sizes_to_keep(study.components.prune, function.n_groups)
    if not sizes:
        return None
    candidates = pruning_candidates(
        first_target(recovery),
        sizes,
        draws=study.components.draws,
        seed=study.seed,
        magnitudes=component_magnitudes(function.base_model, function.components),
    )
    values = measured_candidates(function, candidates, 0)
    whole = function(np.ones((1, function.n_groups), dtype=np.bool_), np.zeros(1, np.int64)).values[0, 0]
    names = [component.name for component in function.components]
    document = {
        "study": study.name,
        "output": function.target_names[0],
        "unit": folder.read_manifest()["units"][0],
        "components": len(names),
        "whole": float(whole),
        "sizes": [_size_entry(size, candidates, values, names) for size in sizes],
    }
    write_document(folder.prune, document)
    _publish(tracked, folder, document)
    for line in prune_words(document):
        get_run_logger().info("%s", line)
    return document


def sizes_to_keep(asked: tuple[int, ...] | None, n: int) -> tuple[int, ...]:
    """The sizes of a study; a quarter, half and three quarters of n where it names none."""
    if asked is not None:
        return tuple(sorted(asked))
    return tuple(sorted({max(1, round(share * n)) for share in (0.25, 0.5, 0.75)}))


def first_target(recovery: Recovery) -> FourierExpansion:
    """What predicts the first target."""
    return recovery.decoded.fits[0].expansion


def _size_entry(
    size: int, candidates: list[Candidate], values: NDArray[np.float64], names: list[str]
) -> dict[str, Any]:
    from spex_data.value_functions.pruning import best_measured

    entry: dict[str, Any] = {"kept": size}
    for rule in RULES:
        place = best_measured(candidates, values, rule, size)
        one = candidates[place]
        entry[rule] = {
            "value": float(values[place]),
            "predicted": one.predicted,
            "components": [names[place] for place in np.flatnonzero(one.mask)],
        }
        if rule == "expansion":
            entry[rule] |= {"proven": one.proven, "joint_terms": one.joint_terms}
    drawn = [
        float(value)
        for one, value in zip(candidates, values, strict=True)
        if (one.rule, one.kept) == ("random", size)
    ]
    entry["random"] = {"mean": float(np.mean(drawn)), "best": max(drawn), "draws": len(drawn)}
    return entry


def _publish(tracked: TrackedRun, folder: RunFolder, document: dict[str, Any]) -> None:
    sizes = document["sizes"]
    curves = {f"prune.{rule}": [(one["kept"], one[rule]["value"]) for one in sizes] for rule in RULES}
    for what in ("mean", "best"):
        curves[f"prune.random.{what}"] = [(one["kept"], one["random"][what]) for one in sizes]
    log_curves(tracked, curves)
    log_files(tracked, [folder.prune])
    show_table(document["study"], "prune", _table(sizes), description=_described(document))


def _table(sizes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "kept": one["kept"],
            **{rule: f"{one[rule]['value']:.4g}" for rule in RULES},
            "best random": f"{one['random']['best']:.4g}",
            "mean random": f"{one['random']['mean']:.4g}",
        }
        for one in sizes
    ]


def _described(document: dict[str, Any]) -> str:
    return (
        f"{document['output']} with so many of {document['components']} components;"
        f" the whole model {document['whole']:.4g}"
    )
