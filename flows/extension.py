"""More masks or more targets for a run that is there: only what is missing is trained or measured."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
from prefect import flow
from pydantic import BaseModel, Field

from flows.attribution import AttributionResult, execute
from flows.run_names import named_by
from spex_data.errors import StoreError
from spex_data.groups import Grouping
from spex_data.study import StudyConfig, extended
from tasks.masks_so_far import design_so_far
from tasks.run_folder import RunFolder
from tasks.text_folders import require_one_text


class ExtensionParameters(BaseModel, frozen=True):
    """The run that is extended, and by what; what it has is kept."""

    run_dir: str = Field(description="Folder of the run, such as runs/demo")
    masks: int | None = Field(default=None, description="Training masks in all, more than the run has", ge=1)
    targets: str | None = Field(
        default=None, description="File of further targets, in the columns of the training data"
    )

    def study(self) -> StudyConfig:
        """The study that the run is to become.

        Raises:
            StoreError: The folder holds no run that has come as far as its groups.
            ConfigError: There is nothing to extend, or it would be less.
        """
        folder = RunFolder(Path(self.run_dir))
        study = folder.read_study()
        require_one_text(folder.directory, "extend", "--masks N")
        if not folder.groups.is_file():
            raise StoreError(
                "holds a run that has not made its groups yet",
                where=self.run_dir,
                instead=f"let `{folder.command()}` do so",
            )
        grouping = Grouping.from_table(pq.read_table(folder.groups))
        measured = len(design_so_far(folder, study, grouping).training) if study.in_rounds else None
        return extended(study, grouping.n_groups, budget=self.masks, targets=self.targets, measured=measured)


def _name(asked: ExtensionParameters) -> str:
    more = [f"to {asked.masks} masks"] if asked.masks else []
    more += [f"by the targets of {Path(asked.targets).name}"] if asked.targets else []
    return f"extend {Path(asked.run_dir).name} {' and '.join(more)}"


@flow(
    name="extend",
    flow_run_name=named_by(_name),
    description="A larger budget trains the missing masks; new targets are measured on the kept adapters.",
)
def extend(parameters: ExtensionParameters) -> AttributionResult:
    """Extends a run; its study.yaml is afterwards that of a study with that budget and those targets."""
    return execute(parameters.study(), RunFolder(Path(parameters.run_dir)), extend=True)
