"""Which attention heads and MLP blocks act together, and which of them to keep.

prepare -> design -> silence and measure, by chunk -> collect -> recover -> prune -> report
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.attribution import AttributionParameters, AttributionResult, execute
from flows.lenses import require_lens
from flows.run_names import named_by


@flow(
    name="components",
    flow_run_name=named_by(lambda asked: f"components: {asked.stem}"),
    description="Silence heads and MLP blocks of a model; recover which act together, and prune by it.",
)
def components(parameters: AttributionParameters) -> AttributionResult | State[Any]:
    """Runs a study of the lens components, or resumes it."""
    study = parameters.study()
    require_lens(study, "components", parameters.config)
    return execute(study, parameters.folder(study), update=parameters.update)
