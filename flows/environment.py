"""Quiet by default: nothing calls home, and libraries leave the terminal to us."""

from __future__ import annotations

import logging
import os
from importlib.util import find_spec

from spex_data.errors import RunnerError

_EXTRAS = {"dask": "prefect_dask", "ray": "prefect_ray"}
_QUIET = {
    "DO_NOT_TRACK": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_INTERNAL_LEVEL": "CRITICAL",
    # What a server says while its database restarts; tried again after 2, 4, 8, ... seconds.
    "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500,504",
    # A server of the command's own takes more than Prefect's 20 s to come up on a busy machine.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ray's workers would give way to everything else, 28 to 1, and fine-tunes beside other work stand still.
    "RAY_worker_niceness": "0",
    # Workers that load a model on a busy machine do not answer for longer than Dask's 30 s.
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "120s",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "600s",
    "TOKENIZERS_PARALLELISM": "false",
}


def be_quiet() -> None:
    """Sets what is not set; to be called before Prefect, MLflow or transformers are imported."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    # Prefect writes a log line that its server did not take to stderr; a server that is gone is said once.
    logging.raiseExceptions = False


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
