"""A study's experiment in MLflow, made by whichever run comes first where several start at one moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SQLITE = "sqlite:///"


@contextmanager
def one_at_a_time(uri: str) -> Iterator[None]:
    """Within it no other process of ours opens the same SQLite file; of other stores nothing is held.

    Whoever opens a new file first makes its tables; MLflow lets several do so at once, and all but one fail.

    Args:
        uri: Tracking URI.
    """
    if not uri.startswith(_SQLITE) or uri.endswith(":memory:"):
        yield
        return
    path = Path(uri.removeprefix(_SQLITE))
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        yield


def make_tables(uri: str) -> None:
    """Makes the tables of a new SQLite file before a server and runs come to it at once."""
    from mlflow import MlflowClient

    with one_at_a_time(uri):
        if uri.startswith(_SQLITE):
            MlflowClient(tracking_uri=uri)


def experiment_id(client: MlflowClient, name: str, *, place: str | None, tags: Mapping[str, str]) -> str:
    """The experiment of that name, made if it is not there.

    Args:
        client: Of the store.
        name: The experiment's.
        place: Where artifacts of a new one go; None for where the store puts them.
        tags: Of a new one.
    """
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return client.create_experiment(name, artifact_location=place, tags=dict(tags))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)
    assert found is not None
    return found.experiment_id
