"""The texts of a study of the lens features: each has a run folder of its own below the study's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from prefect import get_run_logger, task
from pydantic import BaseModel as Record

from spex_data.errors import SeveralErrors, SpexDataError
from spex_data.evaluation import Targets
from spex_data.reports import read_document, read_results, save_figure
from spex_data.reports.text_figure import text_figure
from spex_data.reports.texts_page import TextEntry, write_texts_page
from spex_data.study import StudyConfig, parse_study
from spex_data.values import write_whole
from tasks.artifacts import show_links, show_table
from tasks.inputs import use_threads
from tasks.lens_inputs import TEXTS, explained_model, lens_inputs, rows_to_explain
from tasks.prepare import flat
from tasks.run_folder import RunFolder, provenance
from tasks.text_folders import texts_of
from tasks.tracking import TrackedRun, log_curves, log_files, log_params


class Text(Record, frozen=True):
    """One text of a study.

    Attributes:
        number: Its place, from 0.
        name: Of its target.
        folder: Its run folder.
        text, answer, foil, output: What its study asks.
    """

    number: int
    name: str
    folder: str
    text: str
    answer: str
    foil: str | None
    output: str


@task(
    name="read texts",
    task_run_name="read the texts, load the model",
    description="Read the rows to explain, fine-tune or load the model, and say at once what cannot be read.",
    tags=["train"],
)
def read_texts(directory: str, tracked: TrackedRun) -> tuple[Text, ...]:
    """Writes texts.json, and says in MLflow what is run.

    Args:
        directory: The run folder of a study of the lens features without a text of its own.
        tracked: The MLflow run.

    Raises:
        SeveralErrors: Every text that cannot be cut or read.
    """
    folder = RunFolder(Path(directory))
    study = folder.read_study()
    use_threads(study.runner.threads)
    base = explained_model(study, folder)
    targets = rows_to_explain(study, base.labels)
    texts, errors = [], []
    for number in range(len(targets)):
        one = text_of(targets, number, folder)
        texts.append(one)
        try:
            lens_inputs(study_of_text(study, one), RunFolder(Path(one.folder)))
        except SpexDataError as error:
            where = f"text {number} ({targets.names[number]}), {error.where}"
            errors.append(type(error)(error.what, where=where, instead=error.instead))
    if errors:
        raise SeveralErrors(errors) if len(errors) > 1 else errors[0]
    names = [{"name": one.name, "folder": f"{TEXTS}/{one.number:03d}"} for one in texts]
    write_whole(folder.texts, (json.dumps({"study": study.name, "texts": names}, indent=2) + "\n").encode())
    folder.update_manifest(
        {
            "study": study.name,
            "seed": study.seed,
            "hashes": {"targets": targets.content_hash, "model": base.fingerprint},
            "n_texts": len(texts),
            "units": list(targets.units),
            "device": base.device,
            "dtype": base.dtype,
            **provenance(),
        }
    )
    log_params(tracked, flat(study.as_mapping()))
    get_run_logger().info("%d texts, %s on %s", len(texts), study.model.source, base.device)
    return tuple(texts)


def text_of(targets: Targets, number: int, folder: RunFolder) -> Text:
    """One of the texts of a study in a folder."""
    return Text(
        number=number,
        name=targets.names[number],
        folder=str(folder.directory / TEXTS / f"{number:03d}"),
        text=targets.inputs[number],
        answer=targets.answers[number],
        foil=targets.foils[number],
        output=targets.outputs[number],
    )


def study_of_text(study: StudyConfig, text: Text) -> StudyConfig:
    """The study of one text: the same, with the text in it; time and approval are limited for all at once."""
    mapping = study.as_mapping()
    asked = {"text": text.text, "answer": text.answer, "foil": text.foil}
    return parse_study(
        {
            **mapping,
            "name": f"{study.name[:96]}-{text.number:03d}",
            "features": {**mapping["features"], **asked},
            "targets": {"output": text.output},
            "tracking": {**mapping["tracking"], "experiment": study.tracking.experiment or study.name},
            "runner": {**mapping["runner"], "max_hours": None, "approve": False},
        }
    )


@task(
    name="report of all texts",
    task_run_name="write the page of all texts",
    description="One page with every text, shaded by what its units do; scores of the texts as curves.",
    tags=["decode"],
)
def report_texts(directory: str, tracked: TrackedRun) -> None:
    """Writes report.html of a study of several texts, and publishes it.

    Args:
        directory: Its run folder.
        tracked: The MLflow run.
    """
    folder = RunFolder(Path(directory))
    entries = write_texts(folder)
    scores = [(number, one.r2) for number, one in enumerate(entries) if one.r2 is not None]
    curves: dict[str, Sequence[tuple[int, float]]] = {"heldout_r2": scores}
    if scores:
        curves["heldout_r2.mean"] = [(0, sum(r2 for _, r2 in scores) / len(scores))]
    log_curves(tracked, curves)
    log_files(tracked, [folder.report, folder.texts, folder.figures, folder.manifest])
    study = folder.read_study().name
    show_table(study, "texts", text_rows(entries), description=f"Texts of study **{study}**")
    show_links(study, str(folder.directory.resolve()), tracked.url, tracked.uri)
    for entry in entries:
        get_run_logger().info("%s: R2 %s on held-out masks", entry.name, _r2_words(entry))


def text_rows(entries: Sequence[TextEntry]) -> list[dict[str, object]]:
    """Rows of the table of texts: how well each is predicted, and what acts together most in it."""
    rows: list[dict[str, object]] = []
    for entry in entries:
        found = [
            one
            for one in entry.result.interactions
            if one.order > 1 and one.reported is not False and not one.spans_zero
        ]
        most = max(found, key=lambda one: abs(one.value), default=None)
        rows.append(
            {
                "text": entry.text,
                "answer": entry.answer,
                "units": entry.n_units,
                "R2": _r2_words(entry),
                "acts together most": "" if most is None else " x ".join(most.groups),
                "effect": "" if most is None else f"{most.value:+.2f}",
            }
        )
    return rows


def _r2_words(entry: TextEntry) -> str:
    return "unknown" if entry.r2 is None else f"{entry.r2:.2f}"


def write_texts(folder: RunFolder) -> list[TextEntry]:
    """Writes the page of a run of several texts, from what the texts' folders hold."""
    entries = []
    for number, (name, below) in enumerate(texts_of(folder)):
        if not below.interactions.is_file():
            continue
        study, document = below.read_study(), read_document(below.interactions)
        figure = text_figure(document, str(study.features.text), spans_of(below), unit=below.unit())
        drawn = save_figure(figure, folder.figures, f"text-{number:03d}")
        result = read_results(document).targets[0]
        entries.append(
            TextEntry(
                name=name,
                text=str(study.features.text),
                answer=str(study.features.answer),
                n_units=len(document["groups"]),
                result=result,
                figure=drawn[1],
                page=f"{TEXTS}/{below.directory.name}/report.html",
            )
        )
    study = folder.read_study()
    write_texts_page(folder.report, study.name, entries, method=_method(study))
    return entries


def spans_of(folder: RunFolder) -> list[tuple[int, int]]:
    """First character and the one after the last of each unit of a text's run."""
    return [(int(start), int(end)) for start, end in folder.read_manifest()["spans"]]


def _method(study: StudyConfig) -> Mapping[str, str]:
    fine_tuned = f", fine-tuned on {study.data.train}" if study.model.finetune else ""
    return {
        "Model": f"{study.model.source}{fine_tuned}",
        "Units": f"{study.features.units}, hidden by {study.features.masking}",
        "Masks": f"{study.masks.scheme}, p = {study.masks.p}, study seed {study.seed}",
        "Decoder": f"{study.decoding.method}, sets up to {study.decoding.max_order}",
    }
