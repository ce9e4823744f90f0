"""What a study survives: kill -9 at random moments of every stage, each time resumed.

    python benchmarks/orchestration.py [--kills 20] [--seed 0] [--quick] [--json FILE]

A small real study (a language model of the demo, LoRA on its texts, one target) is run once undisturbed. Then
it is begun anew for each kill, killed with SIGKILL at a moment drawn within a stage, and run again to its
end. What must hold: no value stored before the kill is trained again or changed, and values.parquet is that
of the undisturbed run, byte for byte. `benchmarks/orchestration_faults.py` does the same for other faults.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.servers import BINARIES, prefect_server, quiet_environment

STAGES = {
    "start": "",
    "prepare": "reading data",
    "design": "drawing masks",
    "fine-tune": "fine-tuning",
    "simulate": "simulating masks",
    "recover": "recovering",
    "verify": "choosing what to retrain",
    "report": "writing the report",
}
"""Name of a stage, and how the line begins that says so."""
SHARES = {
    "start": 1,
    "prepare": 2,
    "design": 2,
    "fine-tune": 6,
    "simulate": 2,
    "recover": 2,
    "verify": 3,
    "report": 2,
}
"""Of 20 kills."""
CHUNK = 4
ROW = "{:>4} {:<10}{:>8}{:>8}{:>9}{:>6}{:>10}  {}"


@dataclass(frozen=True)
class Place:
    """Where studies run: a folder, and the environment of their commands."""

    home: Path
    env: dict[str, str]

    def command(self, *words: str) -> list[str]:
        return [str(BINARIES / "spex-data"), *words]


@dataclass(frozen=True)
class Kill:
    """A kill, and what became of it.

    Attributes:
        number: From 1.
        stage: Where it came.
        seconds: From the beginning of the stage.
        stored: Fine-tunes stored at that moment.
        trained: Fine-tunes that the resumed run trained.
        in_hand: Fine-tunes of the chunk that was lost, at most.
        resumed_seconds: Wall time of the resumed run.
        outcome: "equal" or what went wrong.
    """

    number: int
    stage: str
    seconds: float
    stored: int
    trained: int
    in_hand: int
    resumed_seconds: float
    outcome: str


def write_study(home: Path, masks: int, **changes: Any) -> Path:
    """The study: texts and one question of the demo as files of one's own."""
    from spex_data.embedded import demo_world

    world = demo_world(0)
    columns = zip(world.examples.inputs, world.examples.outputs, world.examples.columns["group"], strict=True)
    rows = [{"prompt": a, "completion": b, "source": c} for a, b, c in columns]
    targets = [{"prompt": world.targets.inputs[0], "completion": world.targets.answers[0]}]
    for name, lines in (("train", rows), ("targets", targets)):
        (home / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    study = {
        "name": "faults",
        "data": {
            "task": "causal-lm", "train": str(home / "train.jsonl"),
            "prompt": "prompt", "completion": "completion",
        },
        "groups": {"by": "column", "column": "source", "core": ["replay"]},
        "targets": {"from": str(home / "targets.jsonl")},
        "model": {"source": "embedded", "device": "cpu"},
        "lora": {"rank": 4, "alpha": 8, "target_modules": ["q_proj", "v_proj"]},
        "training": {"epochs": 2, "batch_size": 16, "learning_rate": 0.005, "adapters_per_pass": CHUNK},
        "masks": {"budget": masks, "heldout": 4, "heldout_seeds": 2},
        "decoding": {"method": "auto"},
        "runner": {"kind": "inline", "chunk": CHUNK},
        **changes,
    }  # fmt: skip
    path = home / f"{'-'.join(['study', *changes])}.yaml"
    path.write_text(yaml.safe_dump(study, sort_keys=False))
    return path


@contextmanager
def servers() -> Iterator[Place]:
    """A temporary folder with a Prefect server of its own, on SQLite."""
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    with tempfile.TemporaryDirectory(prefix="spex-faults-") as folder, prefect_server(Path(folder)) as url:
        home = Path(folder)
        yield Place(home, {**quiet_environment(home), "PREFECT_API_URL": url, "PYTHONUNBUFFERED": "1"})


def begin(place: Place, *words: str, **env: str) -> subprocess.Popen[str]:
    """Starts the command, stdout and stderr in one."""
    return subprocess.Popen(
        place.command(*words), cwd=place.home, env={**place.env, **env}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def stage_times(place: Place, *words: str) -> tuple[dict[str, float], str]:
    """Runs the command to its end; seconds from its start at which each stage began, and its output."""
    process, started, lines = begin(place, *words), time.monotonic(), []
    times = {"start": 0.0}
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        for name, head in STAGES.items():
            if head and line.startswith(head):
                times.setdefault(name, time.monotonic() - started)
    if process.wait():
        raise SystemExit("".join(lines))
    return {**times, "end": time.monotonic() - started}, "".join(lines)


def kill_in(place: Place, stage: str, seconds: float, *words: str) -> None:
    """Begins the command and kills it so many seconds after a stage began."""
    process = begin(place, *words)
    assert process.stdout is not None
    if STAGES[stage]:
        for line in process.stdout:
            if line.startswith(STAGES[stage]):
                break
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.stdout.close()
    process.wait()


def stored(run: Path) -> tuple[int, int]:
    """(fine-tunes of the study's own, values stored twice) in whole part files; the study has one target."""
    import pyarrow.parquet as pq

    parts = [pq.read_table(part, columns=["key", "role"]) for part in (run / "values").glob("part-*.parquet")]
    keys = [key for part in parts for key in part["key"].to_pylist()]
    roles = [role for part in parts for role in part["role"].to_pylist()]
    return sum(role in ("train", "heldout") for role in roles), len(keys) - len(set(keys))


def trained_rows(output: str) -> int:
    """What a resumed run said that it would train; everything of one that had nothing."""
    found = re.search(r"([\d,]+) are trained|(nothing is trained)", output)
    if found is None:
        return int(re.search(r"fine-tuning: 0 of (\d+)", output)[1])  # type: ignore[index]
    return 0 if found[2] else int(found[1].replace(",", ""))


def one_kill(place: Place, config: Path, whole: bytes, total: int, kill: tuple[int, str, float]) -> Kill:
    """Begins the study, kills it, resumes it and compares."""
    number, stage, seconds = kill
    run = place.home / f"killed-{number}"
    words = ("run", str(config), "--out", str(run))
    kill_in(place, stage, seconds, *words)
    parts = {part: part.stat().st_mtime_ns for part in (run / "values").glob("part-*.parquet")}
    (before, _), started = stored(run), time.monotonic()
    try:
        _, output = stage_times(place, *words)
    except SystemExit as fault:
        return Kill(number, stage, seconds, before, -1, 0, time.monotonic() - started, str(fault)[-300:])
    trained = trained_rows(output)
    after = {part: part.stat().st_mtime_ns for part in (run / "values").glob("part-*.parquet")}
    kept = int(found[1]) if (found := re.search(r"(\d+) of \d+ have a kept adapter", output)) else 0
    wrong = [
        words
        for words, bad in (
            ("values differ", (run / "values.parquet").read_bytes() != whole),
            ("a stored part changed", not parts.items() <= after.items()),
            ("stored values were trained again", trained + kept + before != total or stored(run)[1]),
        )
        if bad
    ]
    in_hand = CHUNK if stage in ("fine-tune", "verify") else 0
    shutil.rmtree(run)
    seconds_again = time.monotonic() - started
    outcome = "; ".join(wrong) or "equal"
    return Kill(number, stage, seconds, before, trained, in_hand, seconds_again, outcome)


def moments(times: dict[str, float], kills: int, seed: int) -> list[tuple[int, str, float]]:
    """Number, stage and seconds into it of each kill, spread over the stages by `SHARES`."""
    rng = np.random.default_rng(seed)
    names = [name for name, share in SHARES.items() for _ in range(share)]
    chosen = [names[int(place)] for place in np.linspace(0, len(names) - 1, kills).round()]
    ends = dict(zip(STAGES, [*[times[name] for name in list(STAGES)[1:]], times["end"]], strict=True))
    return [
        (number, stage, float(rng.uniform(0, ends[stage] - times[stage])))
        for number, stage in enumerate(chosen, start=1)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="5 kills")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    with servers() as place:
        config = write_study(place.home, masks=24)
        words = ("run", str(config), "--out", str(place.home / "whole"))
        stage_times(place, *words)  # the model is pretrained once a machine
        shutil.rmtree(place.home / "whole")
        times, _ = stage_times(place, *words)
        whole = (place.home / "whole" / "values.parquet").read_bytes()
        total, _ = stored(place.home / "whole")
        began = ", ".join(f"{name} {when:.1f}" for name, when in times.items())
        print(f"undisturbed: {total} fine-tunes; stages began at (s) {began}")
        print(ROW.format("kill", "stage", "after s", "stored", "trained", "lost", "resume s", "outcome"))
        kills = []
        for moment in moments(times, 5 if asked.quick else asked.kills, asked.seed):
            kill = one_kill(place, config, whole, total, moment)
            kills.append(kill)
            lost = f"<={kill.in_hand}" if kill.in_hand else "0"
            times_told = f"{kill.seconds:.2f}", kill.stored, kill.trained, lost, f"{kill.resumed_seconds:.1f}"
            print(ROW.format(kill.number, kill.stage, *times_told, kill.outcome), flush=True)
    equal = sum(kill.outcome == "equal" for kill in kills)
    print(f"{equal} of {len(kills)} resumed to the undisturbed run's values, bit for bit")
    if asked.json:
        document = {"fine_tunes": total, "stages": times, "kills": [asdict(kill) for kill in kills]}
        asked.json.write_text(json.dumps(document, indent=2) + "\n")
    raise SystemExit(equal < len(kills))


if __name__ == "__main__":
    main()
