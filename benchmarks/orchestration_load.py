"""What orchestration costs a mask: Prefect, MLflow and the store apart, with values that cost microseconds.

    python benchmarks/orchestration_load.py [--masks 2500,10000] [--targets 100] [--rows 50000,100000]
                                            [--mlflow-server] [--json FILE]

First the whole flow `attribution` end to end, once a size, with a planted set function in place of
fine-tuning: 64 groups, chunks of 32, one after the other, a Prefect server and MLflow on SQLite. Content
keys, part files, task runs, child runs and artifacts are real. Then the store alone: rows appended, read
back, joined by key, written as values.parquet and read again, each size in a process of its own.

Per mask, in milliseconds: `own` is all of ours from drawing masks to values.parquet, `planted` the values
themselves, `Prefect` what is left of the fine-tuning stage. Decoding and the report are work, not overhead,
and stand apart in seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.servers import mlflow_server, prefect_server, quiet_environment

ROOT = Path(__file__).parents[1]
N_GROUPS = 64
CHUNK = 32


def main() -> None:
    options = _options()
    if options.only_flow or options.only_store:
        print(
            json.dumps(
                flow(options) if options.only_flow else store(options.only_store, options.targets_of_store)
            )
        )
        return
    found: dict[str, list[dict[str, Any]]] = {"flow": [], "store": []}
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="load-")))
        env = {**quiet_environment(home), "PYTHONPATH": str(ROOT)}
        if options.masks:
            env["PREFECT_API_URL"] = stack.enter_context(prefect_server(home))
        if options.mlflow_server and options.masks:
            database = f"sqlite:///{home / 'server.db'}"
            env["MLFLOW_TRACKING_URI"] = stack.enter_context(mlflow_server(home, database))
        for masks in options.masks:
            words = ["--only-flow", str(masks), "--targets", str(options.targets), "--home", str(home)]
            found["flow"].append(_alone(words, env))
            _print_flow(found["flow"][-1])
        for rows in options.rows:
            words = ["--only-store", str(rows), "--targets-of-store", str(options.targets_of_store)]
            found["store"].append(_alone(words, env))
            _print_store(found["store"][-1])
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=2) + "\n")


def flow(options: argparse.Namespace) -> dict[str, Any]:
    """Runs the flow with planted values and says where the time went."""
    from flows.attribution import AttributionParameters, attribution

    home = Path(options.home) / f"masks-{options.only_flow}"
    home.mkdir()
    os.chdir(home)
    config = _write_study(home, options.only_flow, options.targets)
    spent = Spent()
    started = time.perf_counter()
    with _planted(), _timed(spent):
        result = attribution(AttributionParameters(config=str(config), out=str(home / "runs" / "load")))
    wall = time.perf_counter() - started
    seconds = spent.seconds
    folder = home / "runs" / "load"
    return {
        "masks": options.only_flow,
        "fine_tunes": result.fine_tunes,
        "targets": options.targets,
        "wall": wall,
        "elapsed": _parts(seconds),
        "processor": _parts(spent.processor),
        "prepare": seconds["prepare"],
        "decode": seconds["recover"] - seconds["mlflow in recover"],
        "report": seconds["report"] - seconds["mlflow in report"],
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "folder_mb": _size(folder),
        "mlflow_mb": _size(home / "runs") - _size(folder),
        "prefect_mb": _size(Path(options.home) / "prefect"),
        "task_runs": spent.counts["measure"],
        "mlflow_calls": sum(value for name, value in spent.counts.items() if name.startswith("mlflow")),
    }


def _parts(seconds: Counter[str]) -> dict[str, float]:
    """What each part of the orchestration took."""
    own = seconds["design"] + seconds["measure"] + seconds["collect"] - seconds["planted"]
    return {
        "own": own - seconds["mlflow in design"] - seconds["mlflow in collect"],
        "of it keys": seconds["keys"],
        "of it store": seconds["store"],
        "MLflow": sum(value for name, value in seconds.items() if name.startswith("mlflow")),
        "Prefect": seconds["fine-tune"] - seconds["measure"] - seconds["mlflow in fine-tune"],
        "planted": seconds["planted"],
    }


class Spent:
    """Seconds by name; MLflow's go to the stage that they were spent in."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.processor: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.stage = "start"

    def timed(self, name: str, call: Callable[..., Any], *, stage: bool = False) -> Callable[..., Any]:
        """The same call, with its time added up."""

        @wraps(call)
        def measured(*words: Any, **more: Any) -> Any:
            outer, self.stage = self.stage, name if stage else self.stage
            full = f"mlflow in {self.stage}" if name == "mlflow" else name
            started, processor = time.perf_counter(), time.process_time()
            try:
                return call(*words, **more)
            finally:
                self.seconds[full] += time.perf_counter() - started
                self.processor[full] += time.process_time() - processor
                self.counts[full] += 1
                self.stage = outer

        return measured


@contextmanager
def _timed(spent: Spent) -> Iterator[None]:
    from mlflow import MlflowClient

    import flows.attribution as flow_module
    from spex_data.value_functions import SubsetTraining
    from spex_data.values import ValueStore
    from tasks.design import design
    from tasks.measure import measure
    from tasks.prepare import prepare
    from tasks.recover import collect, recover
    from tasks.report import report

    stages: dict[str, Any] = {
        "prepare": prepare,
        "design": design,
        "collect": collect,
        "recover": recover,
        "report": report,
        "measure": measure,
    }
    with ExitStack() as stack:
        for name, task in stages.items():
            timed = spent.timed(name, task.fn, stage=name != "measure")
            stack.enter_context(mock.patch.object(task, "fn", timed))
        timed = spent.timed("fine-tune", flow_module.fine_tune_missing, stage=True)
        stack.enter_context(mock.patch.object(flow_module, "fine_tune_missing", timed))
        for name in (
            "create_run",
            "log_batch",
            "set_terminated",
            "log_artifact",
            "log_artifacts",
            "log_inputs",
        ):
            timed = spent.timed("mlflow", getattr(MlflowClient, name))
            stack.enter_context(mock.patch.object(MlflowClient, name, timed))
        for name in ("append", "read"):
            timed = spent.timed("store", getattr(ValueStore, name))
            stack.enter_context(mock.patch.object(ValueStore, name, timed))
        stack.enter_context(
            mock.patch.object(SubsetTraining, "keys", spent.timed("keys", SubsetTraining.keys))
        )
        timed = spent.timed("planted", _values)
        stack.enter_context(mock.patch(f"{__name__}._values", timed))
        yield


@contextmanager
def _planted() -> Iterator[None]:
    """Puts a planted set function in place of fine-tuning; keys and everything else stay."""
    from spex_data.value_functions import Measured, SubsetTraining

    def call(self: SubsetTraining, masks: np.ndarray, seeds: np.ndarray) -> Measured:
        values = _values(masks, seeds, len(self.target_names))
        return Measured(values, (None,) * len(masks), np.full(len(masks), 0.5))

    with (
        mock.patch.object(SubsetTraining, "__call__", call),
        mock.patch.object(SubsetTraining, "with_pass_size", lambda self, _size: self),
    ):
        yield


def _values(masks: np.ndarray, seeds: np.ndarray, targets: int) -> np.ndarray:
    """Two pairs and two single groups a target, and noise decided by the seed."""
    truth = np.random.default_rng(0)
    places, sizes = truth.integers(0, masks.shape[1], (targets, 6)), truth.normal(size=(targets, 4))
    first, second = (
        masks[:, places[:, 0]] & masks[:, places[:, 1]],
        masks[:, places[:, 2]] & masks[:, places[:, 3]],
    )
    values = first * sizes[:, 0] * 3 + second * sizes[:, 1] * 3
    values = values + masks[:, places[:, 4]] * sizes[:, 2] + masks[:, places[:, 5]] * sizes[:, 3]
    noise = np.stack([np.random.default_rng(int(seed) % 2**32).normal(size=targets) for seed in seeds])
    return values + 0.1 * noise


def _write_study(home: Path, masks: int, targets: int) -> Path:
    from spex_data.embedded import demo_world

    world = demo_world(0)
    texts = list(zip(world.examples.inputs, world.examples.outputs, strict=True))
    rows = [
        {
            "prompt": texts[row % len(texts)][0],
            "completion": texts[row % len(texts)][1],
            "source": f"s{row % N_GROUPS}",
        }
        for row in range(5 * N_GROUPS)
    ]
    asked = [
        {
            "prompt": texts[row % len(texts)][0],
            "completion": texts[row % len(texts)][1],
            "name": f"question {row}",
        }
        for row in range(targets)
    ]
    for name, lines in (("train", rows), ("targets", asked)):
        (home / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    study = {
        "name": "load",
        "data": {"task": "causal-lm", "train": "train.jsonl", "prompt": "prompt", "completion": "completion"},
        "groups": {"by": "column", "column": "source"},
        "targets": {"from": "targets.jsonl", "name": "name"},
        "model": {"source": "embedded"},
        "lora": {"target_modules": ["q_proj"]},
        "training": {"adapters_per_pass": 8, "keep": "none"},
        "masks": {"budget": masks, "heldout": 32, "heldout_seeds": 2},
        "decoding": {"method": "linear", "max_order": 1, "fdr": None},
        "runner": {"kind": "inline", "chunk": CHUNK},
    }
    (home / "load.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    return home / "load.yaml"


@dataclass
class Watch:
    """Seconds of each step, by name."""

    steps: dict[str, float]

    def __call__(self, name: str, call: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = call()
        self.steps[name] = time.perf_counter() - started
        return result


def store(rows: int, targets: int) -> dict[str, Any]:
    """Appends rows in chunks, reads them back, joins them by key, writes and reads values.parquet."""
    from spex_data.masks import mask_string
    from spex_data.values import ValueRecords, ValueStore, ValueTable, read_value_table, write_value_table

    rng = np.random.default_rng(0)
    masks, values = rng.random((rows, N_GROUPS)) < 0.5, rng.normal(size=(rows, targets))
    names = tuple(f"question {number}" for number in range(targets))
    keys = [[f"{row:016x}{target:016x}" for target in range(targets)] for row in range(rows)]
    seeds = np.arange(rows)
    watch = Watch({})
    with tempfile.TemporaryDirectory(prefix="store-") as name:
        kept = ValueStore(Path(name) / "values")

        def append() -> None:
            for start in range(0, rows, CHUNK):
                part = slice(start, min(start + CHUNK, rows))
                n = len(seeds[part])
                strings = [mask_string(mask) for mask in masks[part]]
                kept.append(
                    ValueRecords(
                        keys[part], strings, ["train"] * n, seeds[part], names, values[part], [None] * n
                    )
                )

        watch("append", append)
        stored = watch("read", kept.read)
        known, found, causes = watch("join", lambda: stored.lookup(keys))
        assert known.all()
        assert np.array_equal(found, values)
        table = ValueTable(names, masks, ("train",) * rows, seeds, found, tuple(causes))
        path = Path(name) / "values.parquet"
        watch("write table", lambda: write_value_table(table, path))
        again = watch("read table", lambda: read_value_table(path))
        assert np.array_equal(again.values, values)
        size = _size(kept.directory)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rows": rows, "targets": targets, **watch.steps, "peak_mib": peak, "parts_mb": size}


def _size(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def _alone(words: list[str], env: dict[str, str]) -> dict[str, Any]:
    command = [sys.executable, __file__, *words]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-4000:])
    return json.loads(done.stdout.splitlines()[-1])


def _print_flow(row: dict[str, Any]) -> None:
    print(f"{row['fine_tunes']:,} masks x {row['targets']} targets, ms a mask:")
    for clock in ("elapsed", "processor"):
        each = {name: 1000 * spent / row["fine_tunes"] for name, spent in row[clock].items()}
        total = each["own"] + each["MLflow"] + each["Prefect"]
        print(
            f"  {clock:<10}{total:6.2f}  =  "
            + ", ".join(f"{name} {spent:.2f}" for name, spent in each.items())
        )
    disk = ", ".join(f"{name} {row[f'{name}_mb']:.1f} MB" for name in ("folder", "mlflow", "prefect"))
    print(
        f"  {row['task_runs']} tasks, {row['mlflow_calls']} MLflow calls; {row['wall']:.1f} s in all: "
        f"prepare {row['prepare']:.1f}, decode {row['decode']:.1f}, report {row['report']:.1f}; "
        f"peak {row['peak_mib']:.0f} MiB; on disk: {disk}",
        flush=True,
    )


def _print_store(row: dict[str, Any]) -> None:
    steps = ", ".join(
        f"{name} {row[name]:.1f} s" for name in ("append", "read", "join", "write table", "read table")
    )
    print(
        f"store, {row['rows']:,} rows x {row['targets']} targets: {steps}; "
        f"peak {row['peak_mib']:.0f} MiB, parts {row['parts_mb']:.0f} MB",
        flush=True,
    )


def _options() -> argparse.Namespace:
    def numbers(words: str) -> list[int]:
        return [int(word) for word in words.split(",") if word]

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--masks", type=numbers, default=[2500, 10000])
    parser.add_argument("--targets", type=int, default=100)
    parser.add_argument("--rows", type=numbers, default=[50000, 100000])
    parser.add_argument("--targets-of-store", type=int, default=10)
    parser.add_argument(
        "--mlflow-server", action="store_true", help="MLflow through a server, not a database"
    )
    parser.add_argument("--json")
    parser.add_argument("--only-flow", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--only-store", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--home", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
