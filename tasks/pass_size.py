"""How many adapters share a pass: decided once a run, before its first value, and kept when it resumes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from prefect import get_run_logger

from spex_data.masks import MeasurementPlan
from spex_data.study import StudyConfig
from spex_data.value_functions import SubsetTraining
from tasks.run_folder import RunFolder
from tasks.workers import share_of_memory

PROBED_MASKS = 32


def decide_pass_size(
    study: StudyConfig, function: SubsetTraining, plan: MeasurementPlan, before: dict[str, Any]
) -> dict[str, Any]:
    """What the manifest says about the size of a pass.

    Args:
        study: What it asks for: a number, or auto.
        function: Its value function.
        plan: What is to be measured.
        before: The manifest as it is; what it says of the same request stays.

    Returns:
        `adapters_per_pass`, what was asked for, the sizes used so far and the probe that decided, if any.
    """
    asked, kept = study.training.adapters_per_pass, before.get("adapters_per_pass")
    if isinstance(kept, int) and before.get("adapters_per_pass_asked") == asked:
        return {}
    probe = None
    if asked == "auto":
        choice = function.probe_pass_size(
            plan.masks[-PROBED_MASKS:],
            most=study.runner.chunk,
            share=share_of_memory(study, len(list(plan.chunks(study.runner.chunk)))),
        )
        probe = asdict(choice)
        get_run_logger().info("%d adapters to a pass (%s)", choice.adapters_per_pass, choice.ended)
    size = asked if probe is None else probe["adapters_per_pass"]
    return {
        "adapters_per_pass": size,
        "adapters_per_pass_asked": asked,
        "adapters_per_pass_used": [size],
        "adapters_per_pass_probe": probe,
    }


def note_smaller_pass(folder: RunFolder, used: int) -> None:
    """Writes down that memory sufficed only for passes of so many adapters; later chunks begin with that."""

    def smaller(manifest: dict[str, Any]) -> dict[str, Any]:
        if used >= manifest["adapters_per_pass"]:
            return {}
        return {
            "adapters_per_pass": used,
            "adapters_per_pass_used": [*manifest["adapters_per_pass_used"], used],
        }

    folder.change_manifest(smaller)
    get_run_logger().warning("memory ran out; going on with %d adapters to a pass", used)
