"""Faults from outside, said in one message: a full disk, a server that is gone, a worker that was killed."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from spex_data.errors import RunnerError, SpexDataError, StoreError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_AGAIN = "what was measured is kept: run the same command again"
_MLFLOW = ("mlflow", "sqlalchemy", "sqlite3", "psycopg2", "requests", "urllib3")
_CLUSTER = {"FutureCancelledError", "CommClosedError", "KilledWorker", "RaySystemError", "RayActorError"}
"""What Dask and Ray raise when a scheduler or a worker is gone; by name, so that neither is imported."""
PREFECT = "PREFECT_API_URL"
"""Where a server that is gone was named."""
_PREFECT = ("httpx", "httpcore", "prefect", "websockets")


def explain(error: BaseException) -> SpexDataError | None:
    """What a fault of the machine or of a server around a run means; None for a fault of ours.

    Args:
        error: What came out of a flow.
    """
    chain = list(_chain(error))
    told = " ".join(str(one) for one in chain)
    if any(isinstance(one, OSError) and one.errno in _FULL for one in chain) or "disk is full" in told:
        return StoreError(
            "the disk is full", where="the run", instead=f"free some space; {_AGAIN}, or choose another --out"
        )
    names = {type(one).__name__ for one in chain}
    if names & {"BrokenProcessPool", "CrashedRun"} or "terminated abruptly" in told:
        return RunnerError(
            "a worker died (killed, perhaps for want of memory)",
            where="runner.workers",
            instead=f"{_AGAIN}, with fewer workers if memory was short",
        )
    lost = next((one for one in chain if type(one).__name__ in _CLUSTER), None)
    if lost is not None:
        return RunnerError(
            f"the cluster does not answer any more ({_first(lost)})",
            where="runner.address",
            instead=f"see to it; {_AGAIN}",
        )
    if "ephemeral" in told and "Timed out" in told:
        return RunnerError(
            "the Prefect server of this command did not come up in time",
            where=PREFECT,
            instead="try again when the machine is less busy, or start a server that stays with"
            " `spex-data ui` and set PREFECT_API_URL",
        )
    for one in chain:
        home = type(one).__module__.partition(".")[0]
        if home in _MLFLOW:
            why = (
                "is locked by another process" if "is locked" in told else f"does not answer ({_first(one)})"
            )
            return RunnerError(
                f"MLflow's store {why}",
                where="tracking",
                instead=f"see to it; {_AGAIN}, or write tracking.mlflow: false",
            )
        if home in _PREFECT and _is_connection(one):
            return RunnerError(
                f"Prefect's server does not answer any more ({_first(one)})",
                where=PREFECT,
                instead=f"start it again; {_AGAIN}",
            )
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop(0)
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, one.__context__]


def _is_connection(error: BaseException) -> bool:
    name = type(error).__name__
    return any(word in name for word in ("Connect", "Timeout", "Network", "Protocol", "Read", "Write"))


def _first(error: BaseException) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0][:160]
