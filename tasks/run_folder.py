"""The files of a run: where they are, and the manifest that says how they came about."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from shlex import join
from typing import Any

from filelock import FileLock

from spex_data.errors import SpexDataError, StoreError
from spex_data.study import StudyConfig, config_differences, dump_study, load_study
from spex_data.values import ValueStore, write_whole

FORMAT = 1
STAGES_THAT_MAY_DIFFER = ("decoding", "verify", "runner", "tracking", "report", "masks.until")
"""What of a study changes no value: a run goes on with other settings without being asked twice."""
_VERSIONS = (
    "spex-data",
    "torch",
    "transformers",
    "peft",
    "datasets",
    "lightgbm",
    "numpy",
    "scipy",
    "prefect",
    "mlflow",
)


@dataclass(frozen=True)
class RunFolder:
    """A run's folder.

    Attributes:
        directory: `runs/NAME`, or what --out says.
    """

    directory: Path

    @property
    def study(self) -> Path:
        """The study as resolved, YAML."""
        return self.directory / "study.yaml"

    @property
    def manifest(self) -> Path:
        """Hashes, versions, seeds and executions, JSON."""
        return self.directory / "manifest.json"

    @property
    def groups(self) -> Path:
        """Which example is in which group."""
        return self.directory / "groups.parquet"

    @property
    def masks(self) -> Path:
        """The measurement plan: mask, role, seed."""
        return self.directory / "masks.parquet"

    @property
    def rounds(self) -> Path:
        """What was known after each round, of a study in rounds."""
        return self.directory / "rounds.json"

    @property
    def values(self) -> Path:
        """All values in the long form."""
        return self.directory / "values.parquet"

    @property
    def store(self) -> ValueStore:
        """The append-only part files."""
        return ValueStore(self.directory / "values")

    @property
    def adapters(self) -> Path:
        """Adapters kept."""
        return self.directory / "adapters"

    @property
    def surrogate(self) -> Path:
        """Gradients at a few adapters, from which masks are simulated."""
        return self.directory / "surrogate" / "gradients.safetensors"

    @property
    def simulated(self) -> Path:
        """What the surrogate says of many masks."""
        return self.directory / "surrogate" / "simulated.npz"

    @property
    def interactions(self) -> Path:
        """What was found."""
        return self.directory / "interactions.json"

    @property
    def faithfulness(self) -> Path:
        """How well it predicts held-out masks."""
        return self.directory / "faithfulness.json"

    @property
    def verify_masks(self) -> Path:
        """The fine-tunes of verification: mask, role, seed."""
        return self.directory / "verify-masks.parquet"

    @property
    def own_masks(self) -> Path:
        """The fine-tunes of a user's own hypothesis: mask, role, seed."""
        return self.directory / "verify-own-masks.parquet"

    @property
    def verification(self) -> Path:
        """What retraining said."""
        return self.directory / "verification.json"

    @property
    def prune(self) -> Path:
        """Which components to keep, and what that was measured to give."""
        return self.directory / "prune.json"

    @property
    def optimum(self) -> Path:
        """Which groups to train on, and what retraining on them gave."""
        return self.directory / "optimum.json"

    @property
    def texts(self) -> Path:
        """The texts of a study of several, and the folder of each."""
        return self.directory / "texts.json"

    @property
    def report(self) -> Path:
        """The page for people."""
        return self.directory / "report.html"

    @property
    def table(self) -> Path:
        """Every effect of every target as a table, CSV."""
        return self.directory / "interactions.csv"

    @property
    def figures(self) -> Path:
        """The page's pictures, PNG and SVG."""
        return self.directory / "figures"

    @property
    def diff(self) -> Path:
        """What changed since the run before."""
        return self.directory / "diff.json"

    @property
    def before(self) -> Path:
        """The result to compare with, set aside while a run goes on."""
        return self.directory / ".before.json"

    @property
    def stopping(self) -> Path:
        """There while workers are to begin no further chunk."""
        return self.directory / ".stopping"

    def command(self, out: str | None = None) -> str:
        """The command that runs the folder's study: here, or in another folder."""
        return join(["spex-data", "run", str(self.study), "--out", out or str(self.directory)])

    def read_study(self) -> StudyConfig:
        """The study this folder holds.

        Raises:
            StoreError: The folder holds no run.
        """
        if not self.study.is_file():
            raise StoreError(
                "holds no run (there is no study.yaml)",
                where=str(self.directory),
                instead="give the folder that `spex-data run` printed, such as runs/demo",
            )
        return _parsed(self.study, self.study.read_bytes(), Path.cwd())

    def read_manifest(self) -> dict[str, Any]:
        """The manifest, empty when there is none yet."""
        if not self.manifest.is_file():
            return {}
        try:
            return json.loads(self.manifest.read_text())
        except ValueError as error:
            raise StoreError(
                f"is not JSON ({error})",
                where=str(self.manifest),
                instead="restore it, or run into another folder",
            ) from error

    def adapters_per_pass(self) -> int:
        """How many adapters share a pass, as `prepare` decided or as memory allowed since."""
        return int(self.read_manifest()["adapters_per_pass"])

    def unit(self) -> str:
        """What all values of the run are in, such as "log-odds"; "value" where targets differ."""
        units = set(self.read_manifest().get("units", []))
        return units.pop() if len(units) == 1 else "value"

    def update_manifest(self, changes: Mapping[str, Any]) -> None:
        """Merges changes into the manifest, whole or not at all."""
        self.change_manifest(lambda _: changes)

    def change_manifest(self, change: Callable[[dict[str, Any]], Mapping[str, Any]]) -> None:
        """Merges what follows from the manifest into it; workers that do so at once take turns."""
        with FileLock(self.directory / ".manifest.lock"):
            before = self.read_manifest()
            merged = {"format": FORMAT, **before, **change(before)}
            write_whole(self.manifest, (json.dumps(merged, indent=2) + "\n").encode())

    def claim(self, study: StudyConfig, *, update: bool) -> list[str]:
        """Makes the folder this study's, or says what it holds instead.

        Args:
            study: The study to run here.
            update: Whether a changed study may go on with the values that are still valid.

        Returns:
            What differs from the study that it held, a line a key; none of a new folder.

        Raises:
            StoreError: The folder holds another study and `update` is false.
        """
        changed: list[str] = []
        if self.study.is_file():
            changed = config_differences(self.read_study(), study, ignore=STAGES_THAT_MAY_DIFFER)
        if changed and not update:
            raise StoreError(
                "holds another study (" + "; ".join(changed) + ")",
                where=str(self.directory),
                instead="choose another --out, or write --update to reuse the values still valid",
            )
        write_whole(self.study, dump_study(study).encode())
        return changed

    @contextmanager
    def kept_if_refused(self, before: bytes | None) -> Iterator[None]:
        """Within it an error of the user's leaves study.yaml as it was before the folder was claimed.

        Args:
            before: What it held; None if there was none.
        """
        try:
            yield
        except SpexDataError:
            if before is not None:
                write_whole(self.study, before)
            raise


@lru_cache(maxsize=4)
def _parsed(path: Path, _content: bytes, _directory: Path) -> StudyConfig:
    """The study of a file that did not change: chunks ask for it, and parsing takes longer than storing."""
    return load_study(path)


def provenance() -> dict[str, Any]:
    """Versions, machine and git state, for the manifest."""
    versions = {"python": platform.python_version()}
    for name in _VERSIONS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "versions": versions,
        "git": _git_state(),
        "machine": {"system": platform.platform(), "processor": platform.machine(), "cpus": os.cpu_count()},
    }


def now() -> str:
    """The time as manifests write it."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _git_state() -> dict[str, Any] | None:
    """Revision and dirtiness of the working directory's checkout; None outside one."""
    try:
        revision = _git("rev-parse", "HEAD")
        return {"revision": revision, "dirty": bool(_git("status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()
