"""What runs are called on Prefect's page, from what they were asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prefect.runtime import flow_run


def named_by(words: Callable[[Any], str]) -> Callable[[], str]:
    """The `flow_run_name` of a flow whose one argument is `parameters`.

    Args:
        words: The name, of these parameters.
    """
    return lambda: words(flow_run.parameters["parameters"])
