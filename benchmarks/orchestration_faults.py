"""What a study survives besides kill -9: dead workers, damaged files, a full disk, servers that go away.

    python benchmarks/orchestration_faults.py [--only NAME ...] [--json FILE]

Each fault is brought about for real in a small study's run. It must end right or stop with one message and no
traceback, and the same command must then come to the values of an undisturbed run. A full disk is a tmpfs of
2 MB, which needs the right to mount.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import httpx
import numpy as np
import psutil
from orchestration import Place, begin, servers, stage_times, write_study

from benchmarks.servers import BINARIES, free_port, prefect_server, wait_for

TOLERANCE = 2e-3
"""Between workers, in log-odds; in one process the values must be equal."""


@dataclass(frozen=True)
class Fault:
    """A fault and what became of it.

    Attributes:
        name: What was done.
        code: Exit code of the run that met it.
        message: Its last words.
        traceback: Whether it printed one.
        resumed: "equal", "within tolerance" or what went wrong when it was run again.
        seconds: Of both runs.
    """

    name: str
    code: int
    message: str
    traceback: bool
    resumed: str
    seconds: float


Strike = Callable[[Path, subprocess.Popen], None]


def until_training(process: subprocess.Popen) -> list[str]:
    """Reads what a run says until its first chunk is done."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if re.match(r"fine-tuning: [1-9]", line):
            break
    return lines


def kill_a_worker(_: Path, process: subprocess.Popen) -> None:
    found = subprocess.run(
        ["pgrep", "-P", str(process.pid), "-f", "spawn_main"], capture_output=True, text=True
    )
    os.kill(int(found.stdout.split()[0]), signal.SIGKILL)


def terminate(_: Path, process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGTERM)


def truncate(pattern: str) -> Strike:
    """Kills the run and cuts one of its files in half, as a machine that loses power may."""

    def strike(run: Path, process: subprocess.Popen) -> None:
        process.send_signal(signal.SIGKILL)
        process.wait()
        path = min(run.glob(pattern))
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return strike


def lock_mlflow(run: Path, process: subprocess.Popen) -> None:
    """Holds the database of a run until long after MLflow's patience is over."""
    database = sqlite3.connect(run.parent / "mlflow.db", isolation_level=None, timeout=30)
    database.execute("BEGIN EXCLUSIVE")
    until = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < until:
        time.sleep(0.2)
    database.execute("ROLLBACK")
    database.close()


def nothing(*_: object) -> None:
    """The fault is in the run's surroundings already."""


def meet(place: Place, config: Path, run: Path, strike: Strike, *, at_once: bool = False) -> tuple[int, str]:
    """Begins the run, strikes when its first chunk is done or at once; its exit code and all that it said."""
    process = begin(place, "run", str(config), "--out", str(run))
    lines = [] if at_once else until_training(process)
    strike(run, process)
    lines += process.stdout.readlines()
    return process.wait(), "".join(lines)


def again(place: Place, config: Path, run: Path, whole: Path) -> str:
    """Runs it to its end and compares the values with the undisturbed run's."""
    try:
        stage_times(place, "run", str(config), "--out", str(run))
    except SystemExit as error:
        return str(error)[-300:]
    return compared(run, whole)


def compared(run: Path, whole: Path) -> str:
    from spex_data.values import read_value_table

    if (run / "values.parquet").read_bytes() == (whole / "values.parquet").read_bytes():
        return "equal"
    tables = [read_value_table(folder / "values.parquet").values for folder in (run, whole)]
    return "within tolerance" if np.allclose(*tables, atol=TOLERANCE) else "values differ"


def strike_once(place: Place, name: str, config: Path, whole: Path, strike: Strike) -> Fault:
    run, started = place.home / name.replace(" ", "-") / "run", time.monotonic()
    run.parent.mkdir(exist_ok=True)
    code, said = meet(place, config, run, strike)
    resumed = again(place, config, run, whole)
    return _fault(name, code, said, resumed, started)


def full_disk(place: Place, config: Path, whole: Path) -> Fault:
    """A disk of 2 MB, which gets room after the run has met its end."""
    disk, started = place.home / "disk", time.monotonic()
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=True)
    try:
        code, said = meet(place, config, disk / "run", nothing, at_once=True)
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        resumed = again(place, config, disk / "run", whole)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
    return _fault("full disk", code, said, resumed, started)


def vanished_mlflow(place: Place, whole: Path) -> Fault:
    """An MLflow server that is killed in mid-run and started again."""
    started = time.monotonic()
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    config = write_study(place.home, masks=24, tracking={"uri": uri})

    def serve() -> subprocess.Popen:
        store = f"sqlite:///{place.home / 'served.db'}"
        command = [str(BINARIES / "mlflow"), "server", "--port", str(port), "--workers", "1"]
        command += ["--backend-store-uri", store, "--artifacts-destination", str(place.home / "served")]
        server = subprocess.Popen(
            command,
            env=place.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_for(f"{uri}/health", server)
        return server

    server = serve()

    def strike(*_: object) -> None:
        os.killpg(server.pid, signal.SIGKILL)

    run = place.home / "vanished-mlflow" / "run"
    run.parent.mkdir()
    code, said = meet(place, config, run, strike)
    second = serve()
    try:
        resumed = again(place, config, run, whole)
    finally:
        os.killpg(second.pid, signal.SIGKILL)
    return _fault("vanished MLflow server", code, said, resumed, started)


def vanished_prefect(place: Place, config: Path, whole: Path) -> Fault:
    """A Prefect server that is killed in mid-run, and not started again before the run has met its end."""
    run, started = place.home / "vanished-Prefect" / "run", time.monotonic()
    run.parent.mkdir()
    with tempfile.TemporaryDirectory(prefix="spex-vanished-") as home, prefect_server(Path(home)) as url:
        process = begin(place, "run", str(config), "--out", str(run), PREFECT_API_URL=url)
        lines = until_training(process)
        struck = time.monotonic()
        for one in psutil.process_iter(["cmdline"]):
            if str(url.split(":")[2].partition("/")[0]) in (one.info["cmdline"] or []):
                one.kill()
        lines += process.stdout.readlines()
        code, waited = process.wait(), time.monotonic() - struck
    said = "".join(lines)
    fault = _fault("vanished Prefect", code, said, again(place, config, run, whole), started)
    return replace(fault, message=f"({waited:.0f} s after it was gone) {fault.message}")


def cancel(place: Place) -> Strike:
    """Does what the button on Prefect's page does, to the flow that runs just now."""

    def strike(_: Path, __: subprocess.Popen) -> None:
        url = place.env["PREFECT_API_URL"]
        running = {"flow_runs": {"state": {"type": {"any_": ["RUNNING"]}}}}
        for one in httpx.post(f"{url}/flow_runs/filter", json=running, timeout=30).json():
            if one["parent_task_run_id"] is None:
                wanted = {"state": {"type": "CANCELLING"}}
                httpx.post(f"{url}/flow_runs/{one['id']}/set_state", json=wanted, timeout=30)

    return strike


def _fault(name: str, code: int, said: str, resumed: str, started: float) -> Fault:
    told = [line for line in said.splitlines() if line.startswith("error: ")] or said.splitlines()[-1:]
    return Fault(name, code, " ".join(told)[:200], "Traceback" in said, resumed, time.monotonic() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", nargs="*", default=())
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    faults = []
    with servers() as place:
        config = write_study(place.home, masks=24)
        pool = write_study(place.home, masks=24, runner={"kind": "processes", "workers": 2, "chunk": 4})
        whole = place.home / "whole" / "run"
        whole.parent.mkdir()
        stage_times(place, "run", str(config), "--out", str(whole))
        cases: dict[str, Callable[[], Fault]] = {
            "killed worker": lambda: strike_once(place, "killed worker", pool, whole, kill_a_worker),
            "truncated part": lambda: strike_once(
                place, "truncated part", config, whole, truncate("values/part-*.parquet")
            ),
            "truncated adapters": lambda: strike_once(
                place, "truncated adapters", config, whole, truncate("adapters/*.safetensors")
            ),
            "locked MLflow": lambda: strike_once(place, "locked MLflow", config, whole, lock_mlflow),
            "full disk": lambda: full_disk(place, config, whole),
            "vanished MLflow": lambda: vanished_mlflow(place, whole),
            "vanished Prefect": lambda: vanished_prefect(place, config, whole),
            "cancel": lambda: strike_once(place, "cancel", config, whole, cancel(place)),
            "cancel of a pool": lambda: strike_once(place, "cancel of a pool", pool, whole, cancel(place)),
            "SIGTERM": lambda: strike_once(place, "SIGTERM", config, whole, terminate),
        }
        for name, case in cases.items():
            if asked.only and name not in asked.only:
                continue
            fault = case()
            faults.append(fault)
            print(
                f"{fault.name:<24} exit {fault.code:>4}  traceback {'yes' if fault.traceback else 'no':<4}"
                f"resumed: {fault.resumed}  ({fault.seconds:.0f} s)\n    {fault.message}",
                flush=True,
            )
            shutil.rmtree(place.home / name.replace(" ", "-"), ignore_errors=True)
    bad = [one for one in faults if one.traceback or one.resumed not in ("equal", "within tolerance")]
    print(f"{len(faults) - len(bad)} of {len(faults)} ended right or said one message, and resumed")
    if asked.json:
        asked.json.write_text(json.dumps([asdict(fault) for fault in faults], indent=2) + "\n")
    raise SystemExit(bool(bad))


if __name__ == "__main__":
    main()
