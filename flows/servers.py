"""Whether Prefect's, MLflow's and a cluster's servers are there, asked before anything is loaded or started.

The clients of all three would try again for minutes and then say what the network said; here each is asked
once, as its client would ask it, within a set time.
"""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit
from urllib.request import Request, urlopen

from flows.environment import require_extra
from spex_data.errors import RunnerError, SeveralErrors
from tasks.tracking_addresses import with_password, without_password

if TYPE_CHECKING:
    from spex_data.study import StudyConfig

PATIENCE = 8.0
"""Seconds that a server has to answer before a run says that it does not."""
_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433, "tcp": 8786, "tls": 8786, "ray": 10001}
_HOST_AND_PORT = re.compile(r"[^/\s:]+:\d+")
_DATABASES = ("postgresql", "mysql", "mssql")
_TRACKING = ("tracking.uri", "MLFLOW_TRACKING_URI")
_MLFLOW_ASKED = "/api/2.0/mlflow/experiments/get-by-name?experiment_name=Default"
"""What every MLflow answers; one whose first experiment was deleted says so in JSON with an error_code."""


def require_servers(study: StudyConfig) -> None:
    """Checks that the runner is installed and the servers answer, before anything is loaded or started.

    Args:
        study: What is to be run; names the tracking URI, if it does.

    Raises:
        SeveralErrors: Prefect's, MLflow's or the cluster's does not, within some 8 s; each that does not.
    """
    require_extra(study.runner.kind)
    asked = {"PREFECT_API_URL": _prefect_api_url()}
    if study.tracking.mlflow:
        name = "tracking.uri" if study.tracking.uri else "MLFLOW_TRACKING_URI"
        asked[name] = with_password(study.tracking.uri or os.environ.get("MLFLOW_TRACKING_URI", ""))
    if study.runner.address:
        asked["runner.address"] = study.runner.address
    _require({name: uri for name, uri in asked.items() if uri})


def require_prefect() -> None:
    """Checks that the server of PREFECT_API_URL answers, if one is named.

    Raises:
        RunnerError: It does not, within some 8 s.
    """
    url = _prefect_api_url()
    if url:
        _require({"PREFECT_API_URL": url})


def _prefect_api_url() -> str | None:
    """As the environment or the profile of `prefect config set` has it."""
    from prefect.settings import PREFECT_API_URL

    return os.environ.get("PREFECT_API_URL") or PREFECT_API_URL.value()


def _require(asked: Mapping[str, str]) -> None:
    instead = {
        "PREFECT_API_URL": "start it with `prefect server start`, correct the URL (http://HOST:4200/api), or"
        " unset it to run without a server",
        "runner.address": "start the cluster, correct the address, or leave it out: the run then starts its"
        " own",
        **dict.fromkeys(
            _TRACKING,
            "start the server, correct the URI (sqlite:///runs/mlflow.db is a file), or write"
            " tracking.mlflow: false",
        ),
    }
    errors = [
        RunnerError(
            f"{'cannot be used' if _is_file(name, asked[name]) else 'does not answer'} ({why})",
            where=f"{name} = {without_password(asked[name])}",
            instead=instead[name],
        )
        for name, why in _answers(asked).items()
        if why
    ]
    if errors:
        raise SeveralErrors(errors) if len(errors) > 1 else errors[0]


def _is_file(name: str, uri: str) -> bool:
    return uri.startswith(("sqlite:", "file:")) or (name in _TRACKING and "://" not in uri)


def _answers(asked: Mapping[str, str]) -> dict[str, str | None]:
    """What is wrong with several addresses, asked at once; looking up a name must not hold that up either."""
    found: dict[str, str | None] = dict.fromkeys(asked, f"nothing came within {PATIENCE:g} s")
    ways: dict[str, Callable[[str], str | None]] = {
        "PREFECT_API_URL": why_no_prefect,
        "runner.address": why_no_port,
    }

    def look(name: str, uri: str) -> None:
        found[name] = ways.get(name, why_no_mlflow)(uri)

    looks = [threading.Thread(target=look, args=one, daemon=True) for one in asked.items()]
    for one in looks:
        one.start()
    end = time.monotonic() + PATIENCE + 1
    for one in looks:
        one.join(max(0.0, end - time.monotonic()))
    return dict(found)


def why_no_prefect(url: str, *, patience: float = PATIENCE) -> str | None:
    """Why no API of Prefect answers at an address to the credentials of its client; None if one does."""
    for page in ("admin/version", "health"):  # without credentials, the second answers too
        try:
            with _opened(f"{url.rstrip('/')}/{page}", patience, _prefect_credentials()):
                return None
        except HTTPError as error:
            if error.code == 404 and page != "health":
                continue
            if error.code not in (401, 403):
                return str(error)
            known = "refuses the" if _prefect_credentials() else "wants"
            return f"it {known} credentials of PREFECT_API_AUTH_STRING or PREFECT_API_KEY"
        except (URLError, OSError, ValueError, HTTPException) as error:
            return _words(error, patience)
    return None


def why_no_mlflow(uri: str, *, patience: float = PATIENCE) -> str | None:
    """Why MLflow cannot be used by a tracking URI; None if it can, or if only its client could tell.

    Args:
        uri: Of a server, a database, an SQLite file or a folder.
        patience: Seconds to wait.
    """
    kind = urlsplit(uri).scheme.partition("+")[0]
    if kind in ("http", "https"):
        return _why_no_mlflow_server(uri, patience)
    if kind in _DATABASES:
        return why_no_port(uri, patience=patience) or _why_no_database(uri, patience)
    if kind == "sqlite":
        return _why_no_file(uri, patience)
    allowed = os.environ.get("MLFLOW_ALLOW_FILE_STORE", "").lower() in ("true", "1")
    if kind == "file" or (not kind and uri not in ("databricks", "uc")):
        return None if allowed else "a folder, which MLflow writes to no more"
    return None


def why_no_port(address: str, *, patience: float = PATIENCE) -> str | None:
    """Why nothing listens at an address; None if something does, or if it names no host.

    Args:
        address: Of a database or a cluster, such as host:port, tcp://host or ray://host.
        patience: Seconds to wait.
    """
    try:
        parts = urlsplit(f"tcp://{address}" if _HOST_AND_PORT.fullmatch(address) else address)
        port = parts.port or _PORTS.get(parts.scheme.partition("+")[0])
        if parts.hostname and port:
            with socket.create_connection((parts.hostname, port), timeout=patience):
                return None
    except (OSError, ValueError) as error:
        return _words(error, patience)
    return None


def _why_no_mlflow_server(uri: str, patience: float) -> str | None:
    try:
        with _opened(f"{uri.rstrip('/')}{_MLFLOW_ASKED}", patience) as answer:
            told = answer.read(4096)
    except HTTPError as error:
        told = error.read(4096)
        # Its client knows more ways to be let in than this look.
        if error.code in (401, 403) or b"error_code" in told:
            return None
        return f"what answers there is no MLflow: {error}"
    except (URLError, OSError, ValueError, HTTPException) as error:
        return _words(error, patience)
    return None if b"experiment" in told else "what answers there is no MLflow"


def _why_no_database(uri: str, patience: float) -> str | None:
    """Why its driver cannot open a database; a wrong password is one that MLflow would try for minutes."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    more = {"connect_timeout": max(1, int(patience))} if not uri.startswith("mssql") else {}
    try:
        engine = create_engine(uri, connect_args=more)
        engine.connect().close()
        engine.dispose()
    except ImportError as error:
        return f'{error.name} is not installed: pip install -c constraints.txt ".[postgres]"'
    except (SQLAlchemyError, OSError, ValueError) as error:
        return str(error).splitlines()[0][:200]
    return None


def _why_no_file(uri: str, patience: float) -> str | None:
    """Why an SQLite file cannot be opened or made."""
    from sqlalchemy.engine import make_url

    name = make_url(uri).database
    if not name or name == ":memory:":
        return None
    path = Path(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            return None if os.access(path.parent, os.W_OK) else "its folder is read-only"
        connection = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=rw", timeout=patience, uri=True)
        try:
            connection.execute("PRAGMA schema_version")
        finally:
            connection.close()
    except OSError as error:
        return f"its folder cannot be made: {error.strerror}"
    except sqlite3.Error as error:
        return str(error)
    return None


def _opened(url: str, patience: float, authorization: str | None = None) -> AbstractContextManager[Any]:
    """A page, asked for with the name and password of its own address if it has any."""
    parts = urlsplit(url)
    if parts.username:
        authorization = _basic(f"{unquote(parts.username)}:{unquote(parts.password or '')}")
        url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    headers = {"Authorization": authorization} if authorization else {}
    return urlopen(Request(url, headers=headers), timeout=patience)


def _prefect_credentials() -> str | None:
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY

    pair, token = PREFECT_API_AUTH_STRING.value(), PREFECT_API_KEY.value()
    if pair:
        return _basic(pair)
    return f"Bearer {token}" if token else None


def _basic(pair: str) -> str:
    return f"Basic {b64encode(pair.encode()).decode()}"


def _words(error: Exception, patience: float) -> str:
    reason = getattr(error, "reason", error)
    timed_out = isinstance(reason, TimeoutError) or isinstance(error, TimeoutError)
    return f"nothing came within {patience:g} s" if timed_out else str(reason)
