"""Quiet by default: nothing calls home, and libraries leave the terminal to us."""

from __future__ import annotations

import logging
import os
import re
import socket
import threading
import time
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from spex_data.errors import RunnerError, SeveralErrors

if TYPE_CHECKING:
    from spex_data.study import StudyConfig

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
PATIENCE = 8.0
"""Seconds that a server has to answer before a run says that it does not."""
_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433, "tcp": 8786, "tls": 8786, "ray": 10001}

_HOST_AND_PORT = re.compile(r"[^/\s:]+:\d+")


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


def require_servers(study: StudyConfig) -> None:
    """Checks that the runner is installed and the servers answer, before anything is loaded or started.

    Args:
        study: What is to be run; names the tracking URI, if it does.

    Raises:
        SeveralErrors: Prefect's, MLflow's or the cluster's does not, within some 8 s; each that does not.
    """
    require_extra(study.runner.kind)
    asked = {
        "PREFECT_API_URL": (
            os.environ.get("PREFECT_API_URL"),
            "start it with `prefect server start`, correct the URL, or unset it to run without a server",
        ),
    }
    if study.tracking.mlflow:
        name = "tracking.uri" if study.tracking.uri else "MLFLOW_TRACKING_URI"
        asked[name] = (
            study.tracking.uri or os.environ.get("MLFLOW_TRACKING_URI"),
            "start the server, correct the URI, or write tracking.mlflow: false",
        )
    if study.runner.address:
        asked["runner.address"] = (
            study.runner.address,
            "start the cluster, correct the address, or leave it out: the run then starts its own",
        )
    found = _answers({name: uri for name, (uri, _) in asked.items() if uri})
    errors = [
        RunnerError(
            f"does not answer ({why})",
            where=f"{name} = {without_password(str(asked[name][0]))}",
            instead=asked[name][1],
        )
        for name, why in found.items()
        if why
    ]
    if errors:
        raise SeveralErrors(errors) if len(errors) > 1 else errors[0]


def require_prefect() -> None:
    """Checks that the server of PREFECT_API_URL answers, if one is named.

    Raises:
        RunnerError: It does not, within some 8 s.
    """
    url = os.environ.get("PREFECT_API_URL")
    why = _answers({"PREFECT_API_URL": url})["PREFECT_API_URL"] if url else None
    if why:
        raise RunnerError(
            f"does not answer ({why})",
            where=f"PREFECT_API_URL = {without_password(str(url))}",
            instead="start it with `prefect server start`, or correct the URL",
        )


def _answers(asked: Mapping[str, str]) -> dict[str, str | None]:
    """`why_unreachable` of several addresses at once, which looking up a name must not hold up either."""
    found: dict[str, str | None] = dict.fromkeys(asked, f"nothing came within {PATIENCE:g} s")

    def look(name: str, uri: str) -> None:
        found[name] = why_unreachable(uri, strict=name == "PREFECT_API_URL")

    looks = [threading.Thread(target=look, args=one, daemon=True) for one in asked.items()]
    for one in looks:
        one.start()
    end = time.monotonic() + PATIENCE + 1
    for one in looks:
        one.join(max(0.0, end - time.monotonic()))
    return dict(found)


def why_unreachable(uri: str, *, patience: float = PATIENCE, strict: bool = False) -> str | None:
    """Why nothing answers at an address; None if something does, or if it names no host.

    Args:
        uri: `http://...` of a server, the URI of a database, or the address of a cluster, such as host:port.
        patience: Seconds to wait.
        strict: Whether its /health must be there.
    """
    try:
        parts = urlsplit(uri if "://" in uri or not _HOST_AND_PORT.fullmatch(uri) else f"tcp://{uri}")
        if parts.scheme in ("http", "https"):
            with urlopen(f"{uri.rstrip('/')}/health", timeout=patience):
                return None
        if parts.hostname and parts.scheme.split("+")[0] in _PORTS:
            port = parts.port or _PORTS[parts.scheme.split("+")[0]]
            with socket.create_connection((parts.hostname, port), timeout=patience):
                return None
    except HTTPError as error:
        # The clients send credentials that this look does not; only Prefect's address has to have this page.
        return None if error.code in (401, 403) or not strict else str(error)
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        timed_out = isinstance(reason, TimeoutError) or isinstance(error, TimeoutError)
        return f"nothing came within {patience:g} s" if timed_out else str(reason)
    return None


def without_password(uri: str) -> str:
    """An address as it may be shown and logged."""
    parts = urlsplit(uri)
    return uri.replace(f":{parts.password}@", ":***@") if parts.password else uri
