"""The same study on every kind of runner: wall time, processor time, memory, and whether the values agree.

    python benchmarks/runners.py [--quick] [--masks 96] [--workers 2] [--kinds inline,dask] [--json FILE]

Runs `spex-data run configs/demo.yaml` once a kind, each in a folder of its own, against one Prefect server
that is started for it. Kinds whose extra is not installed are named and left out. Memory is the largest sum
over the processes of a run of their proportional set size (pages that several share are counted once), looked
at twice a second; processor time is that of all of them. Decoding and the report cost every kind the same.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.servers import prefect_server, quiet_environment
from spex_data.values import ValueTable, read_value_table

KINDS = ("inline", "threads", "processes", "dask", "ray")
ROOT = Path(__file__).parents[1]
EXTRAS = {"dask": "prefect_dask", "ray": "prefect_ray"}


def main() -> None:
    options = _options()
    kinds = [kind for kind in options.kinds.split(",") if _installed(kind)]
    print(f"{'kind':<11}{'wall s':>8}{'cpu s':>8}{'MiB':>8}{'processes':>11}   values against {kinds[0]}")
    rows, first = [], None
    with tempfile.TemporaryDirectory(prefix="runners-") as home, prefect_server(Path(home)) as url:
        subprocess.run(  # pretrains the demo's model, once
            [sys.executable, "-c", "from spex_data.embedded import embedded_base_model as m; m(0)"],
            env={**quiet_environment(Path(home)), "PYTHONPATH": str(ROOT)},
            check=True,
        )
        for kind in kinds:
            row = _measured(kind, options, Path(home), url)
            table = read_value_table(Path(home) / kind / "values.parquet")
            first = first or table
            row["largest_difference"], row["bit_equal"] = _compared(first, table)
            rows.append(row)
            equal = (
                "equal bit for bit"
                if row["bit_equal"]
                else f"differ by {row['largest_difference']:.1e} at most"
            )
            print(
                f"{kind:<11}{row['wall']:>8.1f}{row['cpu']:>8.1f}{row['peak_mib']:>8.0f}{row['processes']:>11}"
                f"   {equal}",
                flush=True,
            )
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=2) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="24 masks")
    parser.add_argument("--masks", type=int, default=96)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--json")
    options = parser.parse_args()
    options.masks = 24 if options.quick else options.masks
    return options


def _installed(kind: str) -> bool:
    there = kind not in EXTRAS or find_spec(EXTRAS[kind]) is not None
    if not there:
        print(f'{kind}: left out; pip install -c constraints.txt ".[{kind}]"')
    return there


def _measured(kind: str, options: argparse.Namespace, home: Path, url: str) -> dict[str, object]:
    changes = {
        "masks.budget": options.masks,
        "masks.heldout": 16,
        "masks.heldout_seeds": 2,
        "training.adapters_per_pass": 8,
        "decoding.method": "fast",
        "runner.kind": kind,
        "runner.chunk": 8,
        "runner.workers": options.workers,
    }
    sets = [word for key, value in changes.items() for word in ("--set", f"{key}={value}")]
    command = [Path(sys.executable).parent / "spex-data", "run", ROOT / "configs/demo.yaml"]
    env = {**quiet_environment(home), "PREFECT_API_URL": url, "PYTHONPATH": str(ROOT)}
    with (home / f"{kind}.log").open("w") as log:
        process = psutil.Popen(
            [*map(str, command), "--out", kind, *sets],
            cwd=home,
            env=env,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        started, peak, most, cpu = time.perf_counter(), 0, 0, {}
        while process.poll() is None:
            family = _family(process)
            peak, most = max(peak, sum(map(_memory, family))), max(most, len(family))
            cpu.update({one.pid: _processor(one, cpu) for one in family})
            time.sleep(0.5)
    if process.returncode:
        raise SystemExit(
            f"{kind} ended with {process.returncode}:\n{(home / f'{kind}.log').read_text()[-3000:]}"
        )
    wall = time.perf_counter() - started
    return {"kind": kind, "wall": wall, "cpu": sum(cpu.values()), "peak_mib": peak / 2**20, "processes": most}


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


def _processor(process: psutil.Process, before: dict[int, float]) -> float:
    try:
        times = process.cpu_times()
        return float(times.user + times.system)
    except psutil.Error:
        return before.get(process.pid, 0.0)


def _compared(first: ValueTable, other: ValueTable) -> tuple[float, bool]:
    np.testing.assert_array_equal(first.masks, other.masks)
    np.testing.assert_array_equal(first.seeds, other.seeds)
    return float(np.abs(first.values - other.values).max()), bool(np.array_equal(first.values, other.values))


if __name__ == "__main__":
    main()
