"""A run again, from its manifest, into a new folder: do the values come out the same?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.states import Cancelled
from pydantic import BaseModel, Field

from flows.attribution import AttributionParameters, AttributionResult, attribution
from flows.progress import say
from flows.run_names import named_by
from flows.stopping import Stopped, result_of
from spex_data.errors import StoreError
from spex_data.study import StudyConfig
from tasks.repetition import compare_values, foresee, repeated_overrides
from tasks.run_folder import RunFolder


class RepetitionParameters(BaseModel, frozen=True):
    """Which run is repeated, and where; Prefect shows it as a form."""

    run_dir: str = Field(description="Folder of the run to repeat, such as runs/demo")
    out: str | None = Field(default=None, description="Folder of the repetition; RUN_DIR-again when empty")
    overrides: tuple[str, ...] = Field(
        default=(), description="Changes of single keys, such as runner.workers=2"
    )

    def attribution(self) -> AttributionParameters:
        """The run that repeats it.

        Raises:
            StoreError: There is nothing to repeat, or it would be repeated into its own folder.
        """
        source = RunFolder(Path(self.run_dir))
        out = Path(self.out) if self.out else Path(f"{self.run_dir.rstrip('/')}-again")
        if out.resolve() == source.directory.resolve():
            raise StoreError(
                "is the run itself",
                where=f"--out {out}",
                instead="give the repetition a folder of its own",
            )
        overrides = (*repeated_overrides(source), *self.overrides)
        return AttributionParameters(config=str(source.study), overrides=overrides, out=str(out))

    def study(self) -> StudyConfig:
        """The study that is run."""
        return self.attribution().study()


class RepetitionResult(BaseModel, frozen=True):
    """What a repetition came to.

    Attributes:
        run: The run itself.
        compared: The document of repetition.json.
    """

    run: AttributionResult
    compared: dict[str, Any]


@flow(
    name="repeat",
    flow_run_name=named_by(lambda asked: f"repeat {Path(asked.run_dir).name}"),
    description="Run a study again from its manifest, and say whether the values agree.",
)
def repeat(parameters: RepetitionParameters) -> RepetitionResult:
    """Repeats a run into another folder; the same again resumes it."""
    again = parameters.attribution()
    for line in foresee(parameters.run_dir):
        say(f"differs already: {line}")
    try:
        result = result_of(attribution, again)
    except Stopped as stop:
        return Cancelled(message=str(stop))  # type: ignore[return-value]
    return RepetitionResult(run=result, compared=compare_values(parameters.run_dir, str(again.out)))
