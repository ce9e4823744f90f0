"""The GPU half of a study: fine-tune and measure; another deployment, on a machine without GPUs, decodes.

prepare -> (design -> fine-tune and evaluate -> collect, in rounds) -> (simulate) -> (start what decodes)
"""

from __future__ import annotations

from typing import Any

from prefect import flow, tags
from prefect.client.schemas.objects import State
from prefect.deployments import run_deployment
from prefect.states import Cancelled
from pydantic import BaseModel

from flows.attribution import AttributionParameters, deadline_of, fine_tune_missing
from flows.execution import execution
from flows.lenses import require_lens
from flows.rounds import measured_in_rounds
from flows.run_names import named_by
from flows.stopping import Stopped
from spex_data.values import writer_lock
from tasks.prepare import prepare


class TrainResult(BaseModel, frozen=True):
    """What training came to.

    Attributes:
        directory: The run folder, which the decoding deployment reads.
        fine_tunes: Fine-tunes of the whole plan.
        reused: How many of them had been measured before.
        failed: How many of them failed.
    """

    directory: str
    fine_tunes: int
    reused: int
    failed: int


@flow(
    name="train",
    flow_run_name=named_by(lambda asked: f"train: {asked.stem}"),
    description="Fine-tune LoRA adapters on subsets of the training groups, and measure the targets on them.",
)
def train(parameters: AttributionParameters, then: str = "") -> TrainResult | State[Any]:
    """Measures what a study asks for and the run folder's store has not; decodes nothing.

    Args:
        parameters: The study and where it runs.
        then: Deployment that decodes afterwards, FLOW/NAME such as decode/decode; empty: none is started.
    """
    study = parameters.study()
    require_lens(study, "data", parameters.config)
    folder = parameters.folder(study)
    directory, deadline = str(folder.directory.resolve()), deadline_of(study)
    with tags("spex-data", study.name), writer_lock(folder.directory):
        before = folder.study.read_bytes() if folder.study.is_file() else None
        folder.claim(study, update=parameters.update)
        try:
            with execution(study, folder, stage="train") as tracked:
                with folder.kept_if_refused(before):
                    prepared = prepare(directory, tracked, update=parameters.update)
                measured = measured_in_rounds(
                    study,
                    directory,
                    prepared,
                    tracked,
                    lambda planned: fine_tune_missing(study, directory, planned, tracked, deadline),
                )
        except Stopped as stop:
            return Cancelled(message=str(stop))
    if then:
        # Not waited for: this machine is free for the next study.
        run_deployment(then, parameters={"parameters": {"directory": directory}}, timeout=0, as_subflow=False)
    return TrainResult(
        directory=directory,
        fine_tunes=measured.fine_tunes,
        reused=measured.reused,
        failed=len(measured.table.failed()),
    )
