"""Which parts of a text act together in what a model answers; many texts are one study.

Of each text: prepare -> design -> mask and measure, by chunk -> collect -> recover -> report
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow, tags
from prefect.client.schemas.objects import State
from prefect.states import Cancelled

from flows.approval import wait_for_approval
from flows.attribution import AttributionParameters, AttributionResult, deadline_of, execute
from flows.execution import execution
from flows.lenses import require_lens
from flows.progress import Progress, say, tell
from flows.run_names import named_by
from flows.stopping import Stopped, result_of
from spex_data.study import StudyConfig
from spex_data.values import writer_lock
from tasks.design import Design
from tasks.lens_planning import plan_lens
from tasks.run_folder import RunFolder
from tasks.texts import Text, read_texts, report_texts, study_of_text
from tasks.tracking import TrackedRun


@flow(
    name="features",
    flow_run_name=named_by(lambda asked: f"features: {asked.stem}"),
    description="Mask words, tokens, sentences or spans of texts; recover which act together in the answers.",
)
def features(parameters: AttributionParameters) -> AttributionResult | State[Any]:
    """Runs a study of the lens features, or resumes it: one text, or every row of its targets."""
    study = parameters.study()
    require_lens(study, "features", parameters.config)
    folder = parameters.folder(study)
    if study.features.text is not None:
        return execute(study, folder, update=parameters.update)
    with tags("spex-data", study.name), writer_lock(folder.directory) as died:
        if died:
            say(f"taken over from {died}, which is dead")
        changed = folder.claim(study, update=parameters.update)
        if changed:
            say(f"the study changed: {'; '.join(changed)}")
        try:
            with execution(study, folder) as tracked:
                return _texts(study, str(folder.directory), tracked, update=parameters.update)
        except Stopped as stop:
            return Cancelled(message=str(stop))


def _texts(study: StudyConfig, directory: str, tracked: TrackedRun, *, update: bool) -> AttributionResult:
    deadline = deadline_of(study)
    tell(Progress("reading texts, loading the model"))
    texts, results = read_texts(directory, tracked), []
    if study.runner.approve:
        missing = plan_lens(study, RunFolder(Path(directory)))["missing"]
        asked = Design(n_masks=missing, n_heldout=0, total=missing, done=0, exhaustive=False, chunks=())
        wait_for_approval(study, RunFolder(Path(directory)), asked)
    for text in texts:
        say(f"text {text.number + 1} of {len(texts)}: {text.name}")
        limits = {"update": update, "deadline": deadline}
        results.append(result_of(explain, text, directory, tracked, **limits))
    tell(Progress("writing the page of all texts"))
    report_texts(directory, tracked)
    return AttributionResult(
        directory=directory,
        fine_tunes=sum(one.fine_tunes for one in results),
        reused=sum(one.reused for one in results),
        kept=0,
        failed=sum(one.failed for one in results),
        cause=next((one.cause for one in results if one.cause), None),
        passes=(),
        mlflow_uri=tracked.uri,
        mlflow_run_id=tracked.run_id,
    )


@flow(
    name="text",
    flow_run_name="{text.number}: {text.name}",
    description="One text: mask its units, measure, recover, report; its folder is a run of its own.",
)
def explain(
    text: Text, directory: str, tracked: TrackedRun, *, update: bool, deadline: float | None
) -> AttributionResult | State[Any]:
    """Explains one text of a study, or resumes it.

    Args:
        text: Which.
        directory: Folder of the study.
        tracked: The study's MLflow run.
        update: Whether the study may differ from what the text's folder holds.
        deadline: When to begin no further chunk, in seconds since 1970; None for never.
    """
    study = study_of_text(RunFolder(Path(directory)).read_study(), text)
    if tracked.uri:
        # By itself a text's run would be tracked beside its own folder, not beside the study's.
        study = study.model_copy(update={"tracking": study.tracking.model_copy(update={"uri": tracked.uri})})
    return execute(study, RunFolder(Path(text.folder)), update=update, parent=tracked, deadline=deadline)
