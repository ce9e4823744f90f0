"""The pages of a run: figures and report, from what its folder holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from matplotlib.figure import Figure

from spex_data.groups import Grouping
from spex_data.reports import (
    Heldout,
    Recovery,
    Results,
    effects_heatmap,
    interaction_graph,
    predicted_against_actual,
    read_document,
    read_results,
    save_figure,
    what_ifs,
    write_report,
    write_table,
)
from spex_data.reports.grid_figure import component_grid, pruning_curve
from spex_data.reports.pictures import STUDY
from spex_data.reports.text_figure import text_figure
from spex_data.study import StudyConfig
from tasks.inputs import load_examples
from tasks.run_folder import RunFolder

MOST_FIGURES = 40
"""Targets with figures of their own; tables hold all."""


def write_pages(folder: RunFolder, recovery: Recovery, missing: Sequence[str] = ()) -> None:
    """Writes figures/, interactions.csv and report.html.

    Args:
        folder: The run's.
        recovery: What was found.
        missing: What the run still lacks, a sentence each; the page is then marked as half done.
    """
    study, document = folder.read_study(), recovery.interactions
    grouping = Grouping.from_table(pq.read_table(folder.groups))
    units = folder.read_manifest().get("units") or ["value"] * len(document["targets"])
    n_targets = len(document["targets"])
    heldout = [
        Heldout(recovery.heldout_values[:, column], recovery.predicted[:, column], units[column])
        for column in range(n_targets if len(recovery.heldout_masks) else 0)
    ]
    write_table(folder.table, document)
    write_report(
        folder.report,
        document,
        judged=recovery.judged,
        figures=_figures(folder, recovery, units),
        group_texts=_texts(study, grouping),
        method=method_of(folder, study),
        status="half-done" if missing else "whole",
        missing=missing,
        units=units,
        p=study.masks.p,
        heldout=heldout,
        what_if=what_ifs(
            recovery.decoded.expansion, recovery.decoded.masks, recovery.heldout_values, recovery.predicted
        ),
        rounds=read_document(folder.rounds)["rounds"] if folder.rounds.is_file() else (),
    )


def _figures(folder: RunFolder, recovery: Recovery, units: Sequence[str]) -> dict[str, dict[str, Path]]:
    """Draws figures/: of each target its graph and its held-out masks, and the heat map of the study."""
    study, results = folder.read_study(), read_results(recovery.interactions)
    figures: dict[str, dict[str, Path]] = {}
    for column, target in enumerate(results.targets[:MOST_FIGURES]):
        judged = recovery.faithfulness[column]
        name = f"target-{column:03d}"
        drawn = pictures(folder, results, column, units[column])
        if len(recovery.heldout_masks):
            drawn["heldout"] = predicted_against_actual(
                recovery.heldout_values[:, column],
                recovery.predicted[:, column],
                target=target.name,
                unit=units[column],
                r2=judged.r2,
                noise_ceiling=None if study.words.exact else judged.noise_ceiling.value,
                measured=study.words.measured,
            )
        figures[target.name] = {
            kind: _svg(save_figure(figure, folder.figures, f"{name}-{kind}"))
            for kind, figure in drawn.items()
        }
    if study.lens == "data" or len(results.targets) > 1:
        save_figure(effects_heatmap(results, unit=folder.unit()), folder.figures, "effects")
    if folder.prune.is_file() and study.lens == "components":
        curve = pruning_curve(read_document(folder.prune))
        figures[STUDY] = {"prune": _svg(save_figure(curve, folder.figures, "prune"))}
    return figures


def pictures(folder: RunFolder, results: Results, column: int, unit: str) -> dict[str, Figure]:
    """The pictures of what acts on a target, by the lens of its study."""
    study, name = folder.read_study(), results.targets[column].name
    if study.lens == "features":
        spans = [(int(start), int(end)) for start, end in folder.read_manifest()["spans"]]
        text = str(study.features.text)
        return {"text": text_figure(results, text, spans, target=name, unit=unit)}
    if study.lens == "components":
        return {"grid": component_grid(results, target=name, unit=unit)}
    return {"graph": interaction_graph(results, name, unit=unit)}


def _lens_method(folder: RunFolder, study: StudyConfig, manifest: dict[str, Any]) -> dict[str, str]:
    """What was run where training data are not what is masked."""
    features, components = study.features, study.components
    tuned = f", fine-tuned on all of {study.data.train}" if study.model.finetune else ""
    masked = {
        "features": ("Text", f"units: {features.units}, hidden by {features.masking}"),
        "components": (
            "Components",
            f"{manifest.get('n_groups')}, silenced by {components.ablation}; a value is a mean over"
            f" {manifest.get('n_examples')} rows",
        ),
    }[study.lens]
    return {
        "Repeat it with": folder.command("ANOTHER_FOLDER"),
        masked[0]: masked[1],
        "Model": f"{study.model.source}{tuned}, on {manifest.get('device')} in {manifest.get('dtype')}",
        "Masks": f"{study.masks.scheme}, p = {study.masks.p}; study seed {study.seed}",
        "Decoder": f"{study.decoding.method}, sets up to {study.decoding.max_order}",
    }


def method_of(folder: RunFolder, study: StudyConfig) -> dict[str, str]:
    """What was run, in lines for the report's last section."""
    manifest: dict[str, Any] = folder.read_manifest()
    ends = {
        "Hashes": ", ".join(f"{name} {digest[:12]}" for name, digest in manifest.get("hashes", {}).items()),
        "Versions": ", ".join(f"{name} {version}" for name, version in manifest.get("versions", {}).items()),
    }
    if study.lens != "data":
        return {**_lens_method(folder, study, manifest), **ends}
    git = manifest.get("git") or {}
    lora, training, masks = study.lora, study.training, study.masks
    sizes = f"{manifest.get('n_examples')} examples in {manifest.get('n_groups')} groups"
    return {
        "Repeat it with": folder.command("ANOTHER_FOLDER"),
        "Data": f"{study.data.train}: {sizes}",
        "Model": f"{study.model.source} on {manifest.get('device')} in {manifest.get('dtype')}",
        "Adapters": f"LoRA rank {lora.rank}, alpha {lora.alpha}, layers {lora.layers}",
        "Training": f"{training.epochs} epochs, batch {training.batch_size}, "
        f"{training.optimizer} at {training.learning_rate}, {training.schedule} schedule",
        "Masks": f"{masks.scheme}, p = {masks.p}; seeds {training.seeds}, study seed {study.seed}",
        "Decoder": f"{study.decoding.method}, sets up to {study.decoding.max_order} groups",
        **_surrogate(folder),
        **ends,
        "Git": f"{git.get('revision', 'unknown')}{' with changes' if git.get('dirty') else ''}",
    }


def _surrogate(folder: RunFolder) -> dict[str, str]:
    """For how many targets the decoder listened to simulated masks; nothing where there were none."""
    judged = read_document(folder.faithfulness)["targets"] if folder.faithfulness.is_file() else []
    told = [one["surrogate"] for one in judged if "surrogate" in one]
    if not told:
        return {}
    heard = sum(one["used"] for one in told)
    return {
        "Surrogate": f"masks simulated by gradients at kept adapters; heard for {heard} of {len(told)}"
        " targets, those that were predicted better for it out of fold"
    }


def _texts(study: StudyConfig, grouping: Grouping) -> list[list[str]] | None:
    """Example texts of every group, or their ids, or nothing, as report.text says."""
    if study.report.text == "none" or study.lens != "data":
        return None
    if study.report.text == "ids":
        return [[grouping.example_ids[row] for row in rows] for rows in grouping.members]
    examples = load_examples(study)
    return [
        [f"{examples.inputs[row]} → {examples.outputs[row]}" for row in rows] for rows in grouping.members
    ]


def _svg(paths: list[Path]) -> Path:
    return next(path for path in paths if path.suffix == ".svg")
