"""One group of a run split into its parts: a finer run that trains only what the split makes new."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import BaseModel, Field

from flows.attribution import AttributionResult, execute
from flows.run_names import named_by
from spex_data.errors import StoreError
from spex_data.study import StudyConfig
from spex_data.values import writer_lock
from tasks.run_folder import RunFolder
from tasks.zoom import Split, check_split, finer_name, split_run


class ZoomParameters(BaseModel, frozen=True):
    """The run, and which of its groups is split into what."""

    run_dir: str = Field(title="Run folder", description="Such as runs/demo")
    group: str = Field(title="Group", description="Name of the group that is split")
    by: str | None = Field(default=None, title="Column", description="Whose values are the parts")
    parts: int | None = Field(default=None, title="Parts", description="How many, by chance", ge=2)
    kmeans: bool = Field(default=False, title="By nearness", description="Parts are clusters of near texts")
    masks: int | None = Field(default=None, title="Masks", description="Training masks in all", ge=1)
    out: str | None = Field(default=None, title="Folder", description="RUN_DIR-GROUP where none is given")

    @property
    def split(self) -> Split:
        """What is split, and how."""
        return Split(self.group, self.by, self.parts, self.kmeans, self.masks)

    @property
    def directory(self) -> Path:
        """Folder of the finer run."""
        return Path(self.out or finer_name(self.run_dir.rstrip("/"), self.group))

    def study(self) -> StudyConfig:
        """The study of the run that is split, once it is known that it can be.

        Raises:
            SpexDataError: It cannot.
        """
        source = RunFolder(Path(self.run_dir))
        check_split(source, self.split)
        if self.directory.resolve() == source.directory.resolve():
            raise StoreError(
                "is the run itself", where=f"--out {self.out}", instead="give the finer run another folder"
            )
        return source.read_study()


@flow(
    name="zoom",
    flow_run_name=named_by(lambda asked: f"split {asked.group} of {Path(asked.run_dir).name}"),
    description="Split a group into its parts; masks that the split does not touch are not trained again.",
)
def zoom(parameters: ZoomParameters) -> AttributionResult | State[Any]:
    """Splits a group of a run and runs the finer study; the same again resumes it."""
    parameters.study()
    folder = RunFolder(parameters.directory)
    with writer_lock(folder.directory):
        study = split_run(parameters.run_dir, str(folder.directory), parameters.split)
    return execute(study, folder, extend=True)
