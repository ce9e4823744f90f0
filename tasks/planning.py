"""What a study will cost on this machine: a probe, scaled up to what is still to be measured."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from spex_data.masks import MaskDesign, MeasurementPlan
from spex_data.reports import read_document
from spex_data.reports.budgets import budget_rows
from spex_data.study import StudyConfig
from spex_data.training.costs import WayCosts, estimate
from spex_data.value_functions import SubsetTraining
from tasks.inputs import (
    build_value_function,
    draw_plan,
    load_base_model,
    load_examples,
    make_grouping,
    use_threads,
)
from tasks.learning import expected_r2
from tasks.pass_size import PROBED_MASKS
from tasks.run_folder import RunFolder
from tasks.workers import n_workers, share_of_memory


def plan_costs(
    study: StudyConfig, folder: RunFolder, function: SubsetTraining | None = None
) -> dict[str, Any]:
    """Estimates what is still to do; trains parts of a few fine-tunes and writes nothing.

    Args:
        study: What is asked.
        folder: Where it would run; what is measured there already is not counted, and the size of a pass that
            is written down there is kept.
        function: The study's, if it is loaded already.

    Returns:
        The document that `spex-data plan --json` prints; times in seconds, sizes in bytes.
    """
    from spex_data.training.engine.memory import free_bytes
    from spex_data.training.engine.probe import clock, trained_tokens
    from spex_data.value_functions.probing import probe_costs

    use_threads(study.runner.threads)
    function = function or _value_function(study, folder)
    drawn, plan = draw_plan(study, function.grouping)
    chunks = len(list(plan.chunks(study.runner.chunk)))
    workers = n_workers(study, chunks)
    started = time.perf_counter()
    costs = probe_costs(
        function,
        plan.masks[-PROBED_MASKS:],
        most=study.runner.chunk,
        share=share_of_memory(study, chunks),
    )
    spent = time.perf_counter() - started
    missing = ~folder.store.read().lookup(function.keys(plan.masks, plan.seeds))[0].all(axis=1)
    tokens = trained_tokens(
        function.prepare(), function.grouping.present(plan.masks[missing]), function.recipe
    )
    found = estimate(
        costs,
        tokens,
        workers=workers,
        kept=_kept(study, plan, missing),
        targets=len(function.targets),
    )
    average = float(tokens.mean()) if len(tokens) else 0.0
    device = function.base_model.device
    document = {
        **_described(study, function),
        **_asked(study, drawn, plan, missing),
        "tokens_a_mask": average,
        "workers": workers,
        "adapters_per_pass": costs.adapters_per_pass,
        "engine": _way(costs.engine, average, found.seconds_a_mask, found.seconds),
        "loop": _way(costs.loop, average, found.loop_seconds_a_mask, found.loop_seconds),
        "prepare_seconds": costs.prepare_seconds,
        "worker_bytes": costs.worker_bytes,
        "free_bytes": free_bytes(device),
        "disk_bytes": found.disk_bytes,
        "disk_free_bytes": shutil.disk_usage(_existing(folder.directory)).free,
        "advice": measured_advice(folder),
        "expected": expected_r2(study, folder, function),
        "probed": costs.trained,
        "probe_seconds": spent,
        "clock": "processor" if clock(device) is time.process_time else "wall",
    }
    return {**document, "budgets": budget_rows(document)}


def _described(study: StudyConfig, function: SubsetTraining) -> dict[str, Any]:
    return {
        "study": study.name,
        "model": function.base_model.source,
        "device": function.base_model.device,
        "dtype": function.base_model.dtype,
        "examples": len(function.examples),
        "groups": function.n_groups,
        "targets": len(function.targets),
    }


def _asked(
    study: StudyConfig, drawn: MaskDesign, plan: MeasurementPlan, missing: np.ndarray
) -> dict[str, Any]:
    """What is to be measured, and what of it is not yet."""
    return {
        "masks": len(drawn.training),
        "until": study.masks.until.model_dump(exclude_none=True) if study.masks.until else None,
        "heldout_masks": len(drawn.heldout),
        "heldout_seeds": study.masks.heldout_seeds,
        "fine_tunes": len(plan),
        "missing": int(missing.sum()),
        "verify_fine_tunes": verify_share(study, len(plan)),
    }


def verify_share(study: StudyConfig, n_study: int) -> int:
    """Fine-tunes that verification takes at most, beside the study's own."""
    return int(study.verify.share * n_study) if study.verify.enabled else 0


def measured_advice(folder: RunFolder) -> str | None:
    """More seeds or more masks, by what the folder's run measured; None before it has come to its end."""
    if not folder.faithfulness.is_file():
        return None
    targets = read_document(folder.faithfulness)["targets"]
    wanted = Counter(target.get("more") for target in targets)
    shares = [target["noise_share"] for target in targets if target.get("noise_share") is not None]
    if not shares:
        return "no held-out mask was trained with two seeds, so what noise does is unknown: heldout_seeds: 2"
    words = {"masks": "more masks", "seeds": "more held-out seeds", "either": "neither"}
    parts = [f"{words[what]} for {wanted[what]} of {len(targets)} targets" for what in words if wanted[what]]
    return f"{median(shares):.0%} of a fine-tune's variance is seed noise (median); {', '.join(parts)}"


def _value_function(study: StudyConfig, folder: RunFolder) -> SubsetTraining:
    before = folder.read_manifest()
    examples = load_examples(study)
    base_model = load_base_model(study, examples)
    grouping = make_grouping(study, examples, base_model)
    steps = before.get("steps_per_epoch", study.recipe(len(examples)).steps_per_epoch)
    function = build_value_function(study, examples, grouping, base_model, steps)
    kept = before.get("adapters_per_pass")
    return function.with_pass_size(kept) if isinstance(kept, int) else function


def _kept(study: StudyConfig, plan: MeasurementPlan, missing: np.ndarray) -> int:
    roles = [role for role, left in zip(plan.roles, missing, strict=True) if left]
    return {"all": len(roles), "heldout": roles.count("heldout"), "none": 0}[study.training.keep]


def _way(costs: WayCosts, tokens: float, a_mask: float, all_of_them: float) -> dict[str, float]:
    return {
        "seconds_a_mask": a_mask,
        "training_seconds_a_mask": 1e-6 * costs.microseconds_per_token * tokens,
        "measuring_seconds_a_mask": costs.measuring_seconds,
        "microseconds_per_token": costs.microseconds_per_token,
        "seconds": all_of_them,
    }


def _existing(path: Path) -> Path:
    """The nearest folder above that is there."""
    path = path.resolve()
    return path if path.is_dir() else _existing(path.parent)
