"""Quiet by default: nothing calls home, and libraries leave the terminal to us."""

from __future__ import annotations

import os
from importlib.util import find_spec
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from spex_data.errors import RunnerError

_EXTRAS = {"dask": "prefect_dask", "ray": "prefect_ray"}
_QUIET = {
    "DO_NOT_TRACK": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    # What a server says while its database restarts; tried again after 2, 4, 8, ... seconds.
    "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500,504",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "TOKENIZERS_PARALLELISM": "false",
}
PATIENCE = 8.0
"""Seconds that a Prefect server has to answer before a run says that it does not."""


def be_quiet() -> None:
    """Sets what is not set; to be called before Prefect, MLflow or transformers are imported."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)


def require_extra(kind: str) -> None:
    """Checks that what a kind of runner needs is installed.

    Raises:
        RunnerError: It is not; the message holds the line that installs it.
    """
    module = _EXTRAS.get(kind)
    if module and find_spec(module) is None:
        raise RunnerError(
            f"is {kind}, and {module.replace('_', '-')} is not installed",
            where="runner.kind",
            instead=f'install it with `pip install -c constraints.txt ".[{kind}]"`, or write inline, threads'
            " or processes",
        )


def require_prefect_server() -> None:
    """Checks that the server of PREFECT_API_URL answers, if one is named.

    Raises:
        RunnerError: It does not, within some 8 s.
    """
    url = os.environ.get("PREFECT_API_URL")
    if not url:
        return
    try:
        with urlopen(f"{url.rstrip('/')}/health", timeout=PATIENCE):
            return
    except HTTPError as error:
        if error.code in (401, 403):
            return  # Prefect's client sends the credentials that this look did not
        reason: object = error
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
    raise RunnerError(
        f"does not answer ({reason})",
        where=f"PREFECT_API_URL = {url}",
        instead="start it with `prefect server start`, correct the URL, or unset it to run without a server",
    )
