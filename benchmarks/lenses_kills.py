"""kill -9 in the middle of studies of texts and of components, each resumed.

    python benchmarks/lenses_kills.py [--quick] [--only features,components] [--json FILE]

Two small studies of the demo (words of two questions; heads and MLP blocks), their model fine-tuned first.
Each runs once undisturbed, and once for every kill: SIGKILL as soon as so many part files are stored, which
is while a later chunk is measured; then the same command again. What must hold: values.parquet is that of the
undisturbed run byte for byte, no stored part changed, and nothing was measured twice but the chunk in hand.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.orchestration import Place, begin, servers

CHUNK = 4
STUDIES = {
    "features": ("training.epochs=1", "targets.rows=[0, 1]", "decoding.method=linear"),
    "components": ("training.epochs=1", "masks.budget=60", "masks.heldout=8", "decoding.method=linear"),
}
"""What is changed in the config of each lens."""
CONFIGS = Path(__file__).parents[1] / "configs"
ROW = "{:<12}{:>8}{:>9}{:>8}{:>9}  {}"


@dataclass(frozen=True)
class Kill:
    """A kill, and what became of it.

    Attributes:
        lens: Of the study.
        share: Of the part files that were waited for.
        stored: Masks in whole part files when the command had died.
        total: Masks of the study.
        reused: Masks that the resumed run says were measured before.
        outcome: "equal" or what went wrong.
    """

    lens: str
    share: float
    stored: int
    total: int
    reused: int
    outcome: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one kill a lens")
    parser.add_argument("--only", default=",".join(STUDIES), help="lenses, with commas between")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    kills = []
    with servers() as place:
        print(ROW.format("lens", "share", "stored", "total", "reused", "outcome"))
        for lens in asked.only.split(","):
            whole = place.home / f"whole-{lens}"
            output = ended(place, lens, whole)
            for share in (0.5,) if asked.quick else (0.0, 0.4, 0.8):
                kills.append(one_kill(place, lens, share, whole, reuse(output)[1]))
                print(ROW.format(*asdict(kills[-1]).values()), flush=True)
    equal = sum(kill.outcome == "equal" for kill in kills)
    print(f"{equal} of {len(kills)} resumed to the undisturbed run's values, bit for bit")
    if asked.json:
        asked.json.write_text(json.dumps([asdict(kill) for kill in kills], indent=2) + "\n")
    raise SystemExit(equal < len(kills))


def one_kill(place: Place, lens: str, share: float, whole: Path, total: int) -> Kill:
    """Begins a study, kills it, resumes it and compares."""
    run = place.home / f"killed-{lens}"
    shutil.rmtree(run, ignore_errors=True)
    kill_at(place, lens, run, round(share * len(parts(whole))))
    before, stored = parts(run), masks_in(run)
    try:
        reused, _ = reuse(ended(place, lens, run))
    except RuntimeError as fault:
        return Kill(lens, share, stored, total, -1, str(fault)[-300:])
    wrong = [
        words
        for words, bad in (
            ("values differ", tables(run) != tables(whole)),
            ("a stored part changed", not before.items() <= parts(run).items()),
            ("stored masks were measured again", reused != stored or masks_in(run) != total),
            ("nothing was killed", stored == total),
        )
        if bad
    ]
    return Kill(lens, share, stored, total, reused, "; ".join(wrong) or "equal")


def words_of(lens: str, run: Path) -> list[str]:
    """The command of a study."""
    changes = [f"runner.chunk={CHUNK}", *STUDIES[lens]]
    sets = [word for change in changes for word in ("--set", change)]
    return ["run", str(CONFIGS / f"{lens}.yaml"), *sets, "--out", str(run)]


def ended(place: Place, lens: str, run: Path) -> str:
    """Runs a study to its end; what it said.

    Raises:
        RuntimeError: It failed.
    """
    process = begin(place, *words_of(lens, run))
    output, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(output)
    return output


def kill_at(place: Place, lens: str, run: Path, count: int) -> None:
    """Kills a study when so many parts are stored and more than prepared: the next chunk is in hand."""
    process = begin(place, *words_of(lens, run))
    while process.poll() is None and (len(parts(run)) < count or not list(run.rglob("masks.parquet"))):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def parts(run: Path) -> dict[str, int]:
    """Part files of a run, of all its texts, with the time each was written."""
    return {
        str(part.relative_to(run)): part.stat().st_mtime_ns for part in run.rglob("values/part-*.parquet")
    }


def tables(run: Path) -> dict[str, bytes]:
    """values.parquet of a run, or of each of its texts."""
    return {str(file.relative_to(run)): file.read_bytes() for file in run.rglob("values.parquet")}


def masks_in(run: Path) -> int:
    """Rows of all part files; the studies have one target, so a mask measured twice counts twice."""
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(run / part).num_rows for part in parts(run))


def reuse(output: str) -> tuple[int, int]:
    """(masks measured before, masks of the study), as a run says at its end."""
    found = re.search(r"([\d,]+) of ([\d,]+) were measured before", output)
    assert found is not None, output
    before, total = (int(number.replace(",", "")) for number in found.groups())
    return before, total


if __name__ == "__main__":
    main()
