"""Where MLflow is: the store that runs are logged to, and the page that shows them."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from spex_data.study import StudyConfig


def tracking_uri(study: StudyConfig, directory: Path) -> str:
    """The study's URI, else MLFLOW_TRACKING_URI, else an SQLite file beside the runs."""
    default = f"sqlite:///{directory.resolve().parent / 'mlflow.db'}"
    return with_password(study.tracking.uri or os.environ.get("MLFLOW_TRACKING_URI") or default)


def without_password(uri: str) -> str:
    """An address as it may be shown, logged and written down."""
    parts = urlsplit(uri)
    return uri.replace(f":{parts.password}@", ":***@") if parts.password else uri


def with_password(uri: str) -> str:
    """The address that `without_password` left of MLFLOW_TRACKING_URI, whole again; any other as it is."""
    whole = os.environ.get("MLFLOW_TRACKING_URI")
    return whole if whole and without_password(whole) == uri else uri


def write_pages_card(runs: Path, *, database: str, page: str) -> Path:
    """Lets the runs of a folder know the page that shows their database, while this process lives."""
    card = runs / ".pages.json"
    card.write_text(json.dumps({"pid": os.getpid(), "database": without_password(database), "page": page}))
    return card


def remove_pages_card(card: Path) -> None:
    """Takes this process's card away; that of another one, which came later, stays."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        if json.loads(card.read_text())["pid"] == os.getpid():
            card.unlink()


def tracking_page(study: StudyConfig, directory: Path, uri: str) -> str | None:
    """MLflow's page: as the study says, a server's own, or that of `spex-data ui` while it runs."""
    if study.tracking.page or uri.startswith("http"):
        return study.tracking.page or uri
    try:
        card = json.loads((directory.resolve().parent / ".pages.json").read_text())
        os.kill(card["pid"], 0)
        return str(card["page"]) if card["database"] == without_password(uri) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
