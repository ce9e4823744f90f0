"""What a study of the lenses features and components will cost: a few masks measured, scaled up."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from spex_data.study import StudyConfig
from tasks.inputs import draw_plan, use_threads
from tasks.lens_inputs import TEXTS, explained_model, lens_inputs, rows_to_explain
from tasks.prune import sizes_to_keep
from tasks.run_folder import RunFolder
from tasks.texts import study_of_text, text_of

PROBED = 16
"""Masks that are measured of each of the texts probed."""
MOST_TEXTS = 3


def plan_lens(study: StudyConfig, folder: RunFolder) -> dict[str, Any]:
    """Estimates what is still to do; measures a few masks and stores nothing but the fine-tuned adapter.

    Args:
        study: Of the lens features or components.
        folder: Where it would run; what is measured there already is not counted.

    Returns:
        The document that `spex-data plan --json` prints; times in seconds.
    """
    use_threads(study.runner.threads)
    started = time.perf_counter()
    base = explained_model(study, folder)
    loaded = time.perf_counter() - started
    parts = []
    if study.lens == "features" and study.features.text is None:
        targets = rows_to_explain(study, base.labels)
        for number in range(len(targets)):
            one = study_of_text(study, text_of(targets, number, folder))
            parts.append((one, RunFolder(folder.directory / TEXTS / f"{number:03d}")))
    else:
        parts.append((study, folder))
    masks, heldout, missing, sizes, seconds = 0, 0, 0, [], []
    for number, (one, below) in enumerate(parts):
        found = lens_inputs(one, below)
        drawn, plan = draw_plan(one, found.grouping)
        masks, heldout = masks + len(drawn.training), heldout + len(drawn.heldout)
        lacking = ~below.store.read().lookup(found.function.keys(plan.masks, plan.seeds))[0].all(axis=1)
        missing += int(lacking.sum())
        sizes.append(found.grouping.n_groups)
        if number % max(1, len(parts) // MOST_TEXTS) == 0:
            seconds.append(_seconds_a_mask(found.function, plan.masks[:PROBED]))
    a_mask = float(np.mean(seconds))
    extra = 0
    if study.lens == "components":
        extra = len(sizes_to_keep(study.components.prune, sizes[0])) * (study.components.draws + 3)
    return {
        "study": study.name,
        "lens": study.lens,
        "model": base.source,
        "device": base.device,
        "texts": len(parts) if study.lens == "features" else None,
        "units": sizes,
        "masks": masks,
        "heldout_masks": heldout,
        "missing": missing,
        "prune_masks": extra,
        "seconds_a_mask": a_mask,
        "seconds": a_mask * (missing + extra),
        "model_seconds": loaded,
    }


def _seconds_a_mask(function: Any, masks: np.ndarray) -> float:
    function(masks[:2], np.zeros(2, dtype=np.int64))  # what warms up is not counted
    started = time.perf_counter()
    function(masks, np.zeros(len(masks), dtype=np.int64))
    return (time.perf_counter() - started) / len(masks)


def plan_words(document: dict[str, Any]) -> list[str]:
    """The plan in lines."""
    from spex_data.masks.lenses import words_of
    from spex_data.reports.durations import duration

    words, sizes = words_of(document["lens"]), document["units"]
    span = f"{min(sizes)} to {max(sizes)}" if len(set(sizes)) > 1 else str(sizes[0])
    texts = f"{document['texts']} texts of " if document["texts"] else ""
    lines = [
        f"{document['study']}: {texts}{span} {words.many}, {document['model']} on {document['device']}",
        f"  masks       {document['masks']:,} and {document['heldout_masks']:,} held out;"
        f" {document['missing']:,} still to be measured",
    ]
    if document["prune_masks"]:
        lines.append(f"  pruning     {document['prune_masks']:,} more at most")
    each = f"{1000 * document['seconds_a_mask']:.3g} ms a mask"
    return [*lines, f"  time        {duration(document['seconds'])} ({each}; decoding and report on top)"]
