"""Which flow runs a study: one a lens."""

from __future__ import annotations

from importlib import import_module
from shlex import join
from typing import Any

from spex_data.errors import ConfigError
from spex_data.study import StudyConfig

_FLOWS = {"data": "attribution", "features": "features", "components": "components"}


def flow_of(study: StudyConfig) -> Any:
    """The flow that runs a study; it takes AttributionParameters."""
    name = _FLOWS[study.lens]
    return getattr(import_module(f"flows.{name}"), name)


def require_lens(study: StudyConfig, lens: str, config: str) -> None:
    """Refuses a study of another lens, which a deployment may have been given.

    Raises:
        ConfigError: It is of another.
    """
    if study.lens != lens:
        raise ConfigError(
            f"is {study.lens}, and this is the flow of the lens {lens}",
            where=f"{config}: lens",
            instead=f"run it by the flow {_FLOWS[study.lens]}, or by `{join(['spex-data', 'run', config])}`",
        )
