"""MLflow: one run an execution, child runs per chunk and per decoder, and nothing when tracking is off."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import chain, count
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from spex_data.errors import RunnerError
from spex_data.study import StudyConfig
from tasks.experiments import experiment_id, one_at_a_time
from tasks.retries import patiently
from tasks.tracking_addresses import tracking_page, tracking_uri, with_password, without_password

if TYPE_CHECKING:
    from mlflow import MlflowClient

MODE = "workflowType=machine_learning"
"""Of MLflow's pages, which would open on traces of language models otherwise."""
LARGEST_BATCH = 1_000
LONGEST_CURVE = 1_000
LONGEST_NAME = 200
_NAME_WIDTH = 60
_LONGEST_REASON = 300  # an older database is told the command that upgrades it
_NOT_IN_A_NAME = re.compile(r"[^\w\-. :]", re.ASCII)
_BOUNDS = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "8", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}


class TrackedRun(BaseModel, frozen=True):
    """An MLflow run that tasks in any process can log to; `run_id` None means that nothing is logged.

    Attributes:
        uri: Tracking URI, without a password: Prefect shows it among the parameters of a flow run.
        experiment_id: MLflow experiment.
        run_id: The run of this execution.
        url: Its page, where the tracking URI is a server's.
        lens: Of its study, which names its curves.
    """

    uri: str = ""
    experiment_id: str = ""
    run_id: str | None = None
    url: str | None = None
    lens: str = "data"


def start_run(study: StudyConfig, directory: Path, tags: Mapping[str, str]) -> TrackedRun:
    """Opens the MLflow run of one execution of a study.

    Args:
        study: What is run.
        directory: The run folder.
        tags: Tags of the run.

    Raises:
        RunnerError: The tracking server does not answer, within some 10 s.
    """
    if not study.tracking.mlflow:
        return TrackedRun(lens=study.lens)
    uri = tracking_uri(study, directory)
    shown = study.tracking.uri or without_password(uri)
    place = (directory.resolve().parent / "mlflow-artifacts").as_uri() if uri.startswith("sqlite:") else None
    about = {
        "mlflow.experimentKind": "custom_model_development",  # opens on runs, not on traces
        "mlflow.note.content": study.words.question,
    }
    again = "" if tags.get("spex.execution", "1") == "1" else f" (execution {tags['spex.execution']})"
    try:
        client = _client(shown)
        experiment = experiment_id(client, study.tracking.experiment or study.name, place=place, tags=about)
        run = client.create_run(experiment, run_name=_run_name(study, directory) + again, tags=dict(tags))
    except Exception as error:
        raise RunnerError(
            f"MLflow does not answer ({str(error).splitlines()[0][:_LONGEST_REASON]})",
            where=f"tracking.uri = {without_password(uri)}",
            instead="start the server, correct the URI, or write tracking.mlflow: false",
        ) from error
    run_id, page = run.info.run_id, tracking_page(study, directory, uri)
    url = f"{page.rstrip('/')}/#/experiments/{experiment}/runs/{run_id}?{MODE}" if page else None
    return TrackedRun(uri=shown, experiment_id=experiment, run_id=run_id, url=url, lens=study.lens)


def _run_name(study: StudyConfig, directory: Path) -> str:
    """The folder's name; of a text, with its first words."""
    name, text = directory.resolve().name, study.features.text
    return name if text is None else f"{name}: {shorten(text, _NAME_WIDTH, placeholder='…')}"


def end_run(run: TrackedRun, status: str) -> None:
    """Closes a run as FINISHED, FAILED or KILLED."""
    if run.run_id is not None:
        _call(run, "set_terminated", run.run_id, status)


def end_run_if_possible(run: TrackedRun, status: str) -> None:
    """Closes a run on the way out of an error, which a store that cannot be written must not hide.

    An interrupt in the middle of a write leaves SQLite locked; the next execution then closes the run.
    """
    from mlflow.exceptions import MlflowException

    with suppress(MlflowException), _unsaid("mlflow.store.db.utils"):
        end_run(run, status)


@contextmanager
def _unsaid(logger_name: str) -> Iterator[None]:
    """Keeps a library from printing the traceback of an error that is handled here."""
    logger = logging.getLogger(logger_name)
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def end_run_left_open(uri: str, run_id: str) -> None:
    """Tells the truth about a run whose process died: KILLED instead of RUNNING; silent if it is gone."""
    from mlflow.exceptions import MlflowException

    client = _client(uri)
    try:
        run = client.get_run(run_id)
        below = f"tags.`mlflow.parentRunId` = '{run_id}' and attributes.status = 'RUNNING'"
        for one in [run, *client.search_runs([run.info.experiment_id], below)]:
            if one.info.status == "RUNNING":
                client.set_terminated(one.info.run_id, "KILLED")
    except MlflowException:
        return


@contextmanager
def child_run(parent: TrackedRun, name: str, tags: Mapping[str, str] | None = None) -> Iterator[TrackedRun]:
    """A child run, FINISHED after the block, FAILED by an error in it or KILLED by an interrupt."""
    if parent.run_id is None:
        yield parent
        return
    child = _create_child(parent, name, tags or {})
    try:
        yield child
    except Exception:
        end_run_if_possible(child, "FAILED")
        raise
    except BaseException:
        end_run_if_possible(child, "KILLED")
        raise
    end_run(child, "FINISHED")


def closed_child(
    parent: TrackedRun,
    name: str,
    status: str,
    *,
    curves: Mapping[str, Sequence[tuple[int, float]]],
    tags: Mapping[str, str],
    started: float | None = None,
    seconds: float = 0.0,
) -> None:
    """Writes a child run of something that has ended already.

    Args:
        parent: The run of this execution.
        name: The child's.
        status: FINISHED or FAILED.
        curves: Metrics by name.
        tags: Tags of the child.
        started: Seconds since the epoch; now if unknown.
        seconds: How long it took.
    """
    if parent.run_id is None:
        return
    begun = None if started is None else int(1000 * started)
    child = _create_child(parent, name, tags, start_time=begun)
    log_curves(child, curves)
    ended = None if begun is None else begun + int(1000 * seconds)
    _call(child, "set_terminated", child.run_id, status, ended)


def _create_child(
    parent: TrackedRun, name: str, tags: Mapping[str, str], start_time: int | None = None
) -> TrackedRun:
    tags = {"mlflow.parentRunId": str(parent.run_id), **tags}
    run = _call(parent, "create_run", parent.experiment_id, start_time, tags, name)
    return parent.model_copy(update={"run_id": run.info.run_id})


def log_params(run: TrackedRun, params: Mapping[str, Any]) -> None:
    """Logs parameters, 100 a call."""
    from mlflow.entities import Param

    entities = [Param(key, str(value)[:6000]) for key, value in params.items()]
    for part in _batches(entities, 100):
        _log_batch(run, params=part)


def log_curves(run: TrackedRun, curves: Mapping[str, Sequence[tuple[int, float]]]) -> None:
    """Logs metrics as curves of (step, value), each thinned to `LONGEST_CURVE` points; NaN is left out."""
    from mlflow.entities import Metric
    from mlflow.utils.time import get_current_time_millis

    time = get_current_time_millis()
    points = [
        Metric(name, value, time, step)
        for name, curve in zip(metric_names(list(curves)), curves.values(), strict=True)
        for step, value in curve[:: -(-len(curve) // LONGEST_CURVE) or 1]
        if value == value
    ]
    for part in _batches(points, LARGEST_BATCH):
        _log_batch(run, metrics=part)


def metric_names(names: Sequence[str]) -> list[str]:
    """Names as MLflow takes them: other characters become "_", and a name that was there gets a number."""
    taken: list[str] = []
    for name in names:
        plain = _NOT_IN_A_NAME.sub("_", name)[:LONGEST_NAME]
        numbered = (f"{plain} {number}" for number in count(2))
        taken.append(next(one for one in chain([plain], numbered) if one not in taken))
    return taken


def log_dataset(run: TrackedRun, *, name: str, digest: str, source: str, profile: str, context: str) -> None:
    """Logs a data set as an input of the run: its digest and where it came from, not its rows."""
    if run.run_id is None:
        return
    from mlflow.entities import Dataset, DatasetInput, InputTag

    data = Dataset(name, digest[:36], "spex-data", source, schema=None, profile=profile)
    _call(run, "log_inputs", run.run_id, [DatasetInput(data, [InputTag("mlflow.data.context", context)])])


def log_files(run: TrackedRun, paths: Iterable[Path]) -> None:
    """Logs files and folders as artifacts of the run; those that are not there are passed over."""
    if run.run_id is None:
        return
    for path in paths:
        if path.is_dir():
            _call(run, "log_artifacts", run.run_id, str(path), path.name)
        elif path.is_file():
            _call(run, "log_artifact", run.run_id, str(path))


def set_tags(run: TrackedRun, tags: Mapping[str, str]) -> None:
    """Sets tags of the run."""
    from mlflow.entities import RunTag

    _log_batch(run, tags=[RunTag(key, value) for key, value in tags.items()])


def _log_batch(run: TrackedRun, **entities: Any) -> None:
    if run.run_id is not None:
        _call(run, "log_batch", run.run_id, **entities)


def _call(run: TrackedRun, method: str, *words: Any, **entities: Any) -> Any:
    """One call of MLflow's client, made again while its store is away."""
    with _unsaid("mlflow.store.db.utils"):
        return patiently(
            lambda: getattr(_client(run.uri), method)(*words, **entities),
            server="MLflow",
            where=f"tracking.uri = {without_password(run.uri)}",
        )


@lru_cache(maxsize=8)
def _client(uri: str) -> MlflowClient:
    """The client of an address; making one costs as much as a call."""
    for name, value in _BOUNDS.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    with one_at_a_time(uri):
        return MlflowClient(tracking_uri=with_password(uri))


def _batches(items: Sequence[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
