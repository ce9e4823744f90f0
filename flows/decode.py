"""The CPU half of a study: recover interactions from the values of a run, and write the report.

recover -> report; loads no model, so that a machine without GPUs will do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow, tags
from prefect.client.schemas.objects import State
from prefect.states import Cancelled
from pydantic import BaseModel, Field

from flows.execution import execution
from flows.run_names import named_by
from flows.stopping import Stopped
from spex_data.errors import StoreError
from spex_data.values import read_value_table, writer_lock
from tasks.recover import recover
from tasks.report import report
from tasks.run_folder import RunFolder
from tasks.text_folders import require_one_text


class DecodeParameters(BaseModel, frozen=True):
    """The run whose values are decoded again; nothing is trained."""

    directory: str = Field(title="Run folder", description="Such as runs/demo")
    method: str = Field(default="", title="Decoder", description="The study's where none is given")


@flow(
    name="decode",
    flow_run_name=named_by(lambda asked: f"decode: {Path(asked.directory).name}"),
    description="Recover which groups interact from the values of a run; write the report. Trains nothing.",
)
def decode(parameters: DecodeParameters) -> str | State[Any]:
    """Decodes what a run has measured; returns its folder.

    Raises:
        StoreError: The folder holds no run, or one that has not measured everything yet.
    """
    folder = RunFolder(Path(parameters.directory))
    study = folder.read_study()
    require_one_text(folder.directory, "recover")
    if not folder.values.is_file():
        raise StoreError(
            "has no values.parquet yet",
            where=parameters.directory,
            instead="let `spex-data run` or the deployment train/train finish, then try again",
        )
    directory = str(folder.directory)
    method = parameters.method or study.decoding.method
    try:
        with (
            tags("spex-data", study.name),
            writer_lock(folder.directory),
            execution(study, folder, stage="decode") as tracked,
        ):
            table = read_value_table(folder.values)
            report(directory, recover(directory, table, tracked, method), tracked)
    except Stopped as stop:
        return Cancelled(message=str(stop))
    return directory
