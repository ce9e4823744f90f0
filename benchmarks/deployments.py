"""Deployments for real: `prefect deploy --all`, two workers, a run by schedule, and one that starts another.

    python benchmarks/deployments.py [--json FILE]

A Prefect server of its own (SQLite), the deployments of prefect.yaml in this checkout, and a process worker
for each of the pools gpu and cpu. Then each nightly deployment (one a lens) gets one more schedule, every
minute a small study, and its first run is waited for; and train/train is run by hand, which starts
decode/decode on the other pool. What each left in its run folder is looked at. Takes some 5 minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.servers import BINARIES, prefect_server, quiet_environment

ROOT = Path(__file__).parents[1]
SMALL = ("masks.budget=18", "masks.heldout=4", "training.epochs=1", "decoding.method=linear")
SCHEDULED = {
    "attribution/nightly": ("configs/demo.yaml", SMALL, ("interactions.json", "report.html")),
    "features/nightly-features": (
        "configs/features.yaml",
        ("training.epochs=1", "targets.rows=[0, 1]"),
        ("texts.json", "texts/001/interactions.json", "report.html"),
    ),
    "components/nightly-components": (
        "configs/components.yaml",
        ("training.epochs=1", "masks.budget=40"),
        ("prune.json", "interactions.json", "report.html"),
    ),
}
"""By deployment: the study, what is changed in it, and what it leaves."""
PATIENCE = 900.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="deployments-") as name:
        home = Path(name)
        with prefect_server(home) as url:
            rows = _tried(home, url)
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=2) + "\n")
    if any("COMPLETED" not in row["outcome"] or "missing" in row["outcome"] for row in rows[1:]):
        raise SystemExit(1)


def _tried(home: Path, url: str) -> list[dict[str, Any]]:
    env = {**quiet_environment(home), "PREFECT_API_URL": url, "PYTHONPATH": str(ROOT)}
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "flows.deployments"], env=env, cwd=ROOT, check=True, stdout=subprocess.DEVNULL
    )
    deployments = {
        f"{one['entrypoint'].split(':')[1]}/{one['name']}": one for one in _post(url, "deployments/filter")
    }
    rows = [_row("prefect deploy --all", started, ", ".join(sorted(deployments)))]
    with _worker("gpu", env, home), _worker("cpu", env, home):
        rows += [_by_schedule(url, name, deployments[name]["id"], home) for name in SCHEDULED]
        started = time.perf_counter()
        by_hand = {
            "parameters": {**_parameters("configs/demo.yaml", SMALL, home / "split"), "then": "decode/decode"}
        }
        _post(url, f"deployments/{deployments['train/train']['id']}/create_flow_run", by_hand)
        for name, file in (("train/train", "values.parquet"), ("decode/decode", "report.html")):
            run = _ended(url, {"deployments": {"id": {"any_": [deployments[name]["id"]]}}}, started)
            told = _told(run, home / "split", file)
            rows.append(_row(f"{name}, on pool {run['work_pool_name']}", started, told))
            if run["state_type"] != "COMPLETED":
                break  # nothing was handed over
    return rows


def _by_schedule(url: str, name: str, deployment: str, home: Path) -> dict[str, Any]:
    """Adds a schedule to a deployment, and waits for the first run that it starts."""
    config, overrides, files = SCHEDULED[name]
    folder = home / name.replace("/", "-")
    every_minute = {"active": True, "schedule": {"interval": 60}}
    every_minute["parameters"] = _parameters(config, overrides, folder)
    (made,) = _post(url, f"deployments/{deployment}/schedules", [every_minute])
    started = time.perf_counter()
    run = _ended(url, {"deployments": {"id": {"any_": [deployment]}}}, started)
    _delete(url, f"deployments/{deployment}/schedules/{made['id']}")
    return _row(f"{name}, by its schedule", started, _told(run, folder, *files))


def _parameters(config: str, overrides: Sequence[str], out: Path) -> dict[str, Any]:
    return {"parameters": {"config": config, "overrides": list(overrides), "out": str(out)}}


def _ended(url: str, which: dict[str, Any], started: float) -> dict[str, Any]:
    """The first run of those that has ended."""
    while time.perf_counter() - started < PATIENCE:
        for run in _post(url, "flow_runs/filter", which):
            if run["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
                return run
        time.sleep(1)
    raise TimeoutError(which)


def _told(run: dict[str, Any], folder: Path, *files: str) -> str:
    """How a run ended, and what it left."""
    by = "by schedule" if run["auto_scheduled"] else "by hand or flow"
    told = f"{run['state_type']}, {run['name']!r}, {by}, {run['total_run_time']:.0f} s"
    if run["state_type"] != "COMPLETED":
        return f"{told}: {run['state']['message']}"
    missing = [name for name in files if not (folder / name).is_file()]
    return f"{told}; {', '.join(missing or files)} {'missing' if missing else 'written'}"


def _row(what: str, started: float, outcome: str) -> dict[str, Any]:
    seconds = time.perf_counter() - started
    print(f"{what:<48}{seconds:>7.1f} s   {outcome}", flush=True)
    return {"what": what, "seconds": seconds, "outcome": outcome}


@contextmanager
def _worker(pool: str, env: dict[str, str], home: Path) -> Iterator[None]:
    with (home / f"worker-{pool}.log").open("w") as log:
        command = [BINARIES / "prefect", "worker", "start", "--pool", pool]
        worker = subprocess.Popen(command, env=env, cwd=home, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield
        finally:
            worker.terminate()
            try:
                worker.wait(timeout=20)
            except subprocess.TimeoutExpired:
                worker.kill()  # a worker that is asked to end while it starts a run forgets that it was
                worker.wait()


def _post(url: str, path: str, body: Any = None) -> Any:
    return _asked("POST", f"{url}/{path}", json=body or {}).json()


def _delete(url: str, path: str) -> None:
    _asked("DELETE", f"{url}/{path}")


def _asked(method: str, url: str, **more: Any) -> httpx.Response:
    """The answer; under load SQLite may be locked for a moment (503), or the server silent."""
    for pause in (1, 4, 16):
        with suppress(httpx.TransportError):
            answer = httpx.request(method, url, timeout=60, **more)
            if answer.status_code != 503:
                return answer.raise_for_status()
        time.sleep(pause)
    return httpx.request(method, url, timeout=60, **more).raise_for_status()


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
