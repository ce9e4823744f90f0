"""A run beside another: what changed in what was found, and in what the runs were made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prefect import get_run_logger, task
from prefect.artifacts import create_table_artifact

from spex_data.errors import StoreError
from spex_data.reports import (
    compare_documents,
    comparison_rows,
    comparison_sentence,
    read_document,
    read_results,
    write_document,
)
from spex_data.reports.comparison import Known, Lookup
from spex_data.study import StudyConfig, parse_study
from spex_data.values import write_whole
from tasks.foreign import recover_from
from tasks.provenance import run_differences
from tasks.run_folder import RunFolder
from tasks.text_folders import require_one_text
from tasks.tracking import TrackedRun, log_files, set_tags

ROWS = 100


def compare_runs(before: Path, after: Path) -> dict[str, Any]:
    """Compares two finished runs; where one does not list what the other does, it is decoded again.

    Args:
        before: A run folder.
        after: A run folder.

    Raises:
        StoreError: One of them holds no run, or one that has not come to its end.
    """
    sides = []
    for path in (before, after):
        folder = RunFolder(path)
        folder.read_study()
        require_one_text(path, "diff", "OTHER_RUN_DIR")
        sides.append(_snapshot(folder))
    return _compare(sides[0], sides[1], (_look_up(before), _look_up(after)))


def set_aside(folder: RunFolder, study: StudyConfig) -> None:
    """Keeps the result that a run is to be compared with until it is done, whatever happens in between.

    It is the folder's own result, where it holds one; else that of the run of the same study, in the same
    parent folder, that finished last: a nightly run into runs/NAME-DATE is compared with last night's. One
    that is set aside already stays: the run it was set aside for has not come to its end.

    Args:
        folder: Before its study.yaml is changed.
        study: What is to be run.
    """
    if folder.before.is_file():
        return
    earlier = folder if _finished(folder) else _last_sibling(folder, study)
    if earlier is not None:
        folder.directory.mkdir(parents=True, exist_ok=True)
        write_whole(folder.before, (json.dumps(_snapshot(earlier)) + "\n").encode())


@task(
    name="compare",
    task_run_name="compare with the run before",
    description="What appeared, vanished or changed sign since the run before; writes diff.json.",
)
def compare(directory: str, tracked: TrackedRun) -> str | None:
    """Publishes the difference from the result that was set aside: a file, a table in Prefect, an artifact.

    Args:
        directory: A run folder with a result.
        tracked: The MLflow run.

    Returns:
        What changed, in a sentence; None where there was no run before, or nothing at all is new.
    """
    folder = RunFolder(Path(directory))
    if not folder.before.is_file():
        return None
    earlier, now = json.loads(folder.before.read_text()), _snapshot(folder)
    sentence = None
    if earlier["interactions"] != now["interactions"] or earlier["place"] != now["place"]:
        document = _compare(earlier, now)
        write_document(folder.diff, document)
        log_files(tracked, [folder.diff])
        sentence = f"since the run before ({earlier['place']}): {comparison_sentence(document)}"
        create_table_artifact(key="changes", table=comparison_rows(document)[:ROWS], description=sentence)
        set_tags(
            tracked, {"spex.changes": comparison_sentence(document), "spex.compared_with": earlier["place"]}
        )
        get_run_logger().info("%s", sentence)
    folder.before.unlink()
    return sentence


def _compare(
    before: dict[str, Any], after: dict[str, Any], look_up: tuple[Lookup | None, Lookup | None] = (None, None)
) -> dict[str, Any]:
    studies = (parse_study(before["study"]), parse_study(after["study"]))
    document = compare_documents(
        before["interactions"],
        after["interactions"],
        differences=run_differences(before["manifest"], after["manifest"], studies),
        units=(_units(before), _units(after)),
        look_up=look_up,
    )
    for side, snapshot in (("before", before), ("after", after)):
        document[side] = {
            "run": snapshot["place"],
            "finished": _last_finish(snapshot["manifest"]),
            **document[side],
        }
    return document


def _snapshot(folder: RunFolder) -> dict[str, Any]:
    """All of a result that a comparison needs."""
    return {
        "place": str(folder.directory.resolve()),
        "study": folder.read_study().as_mapping(),
        "manifest": folder.read_manifest(),
        "interactions": read_document(folder.interactions),
    }


def _units(snapshot: dict[str, Any]) -> dict[str, str]:
    names = [target["name"] for target in snapshot["interactions"]["targets"]]
    return dict(zip(names, snapshot["manifest"].get("units", []), strict=False))


def _last_finish(manifest: dict[str, Any]) -> str | None:
    ends = [one["finished"] for one in manifest.get("executions", []) if one["state"] == "finished"]
    return ends[-1] if ends else None


def _finished(folder: RunFolder) -> bool:
    if not folder.interactions.is_file() or not folder.study.is_file():
        return False
    return any(one["state"] == "finished" for one in folder.read_manifest().get("executions", []))


def _last_sibling(folder: RunFolder, study: StudyConfig) -> RunFolder | None:
    """The run of the same study beside this one that finished last."""
    found: list[tuple[str, RunFolder]] = []
    parent = folder.directory.resolve().parent
    for path in parent.iterdir() if parent.is_dir() else ():
        other = RunFolder(path)
        if path == folder.directory.resolve() or not other.manifest.is_file():
            continue
        try:
            manifest = other.read_manifest()
            if manifest.get("study") == study.name and _finished(other):
                found.append((_last_finish(manifest) or "", other))
        except StoreError:
            continue
    return max(found, key=lambda one: one[0])[1] if found else None


def _look_up(path: Path) -> Lookup:
    """Values of any set in a run, decoded again when first asked for; None where it cannot be told."""
    recovered: list[Any] = []

    def look_up(target: str, groups: tuple[str, ...]) -> Known | None:
        if not recovered:
            recovered.append(recover_from(path, method=None, max_order=None, top=1))
        found = recovered[0]
        labels = list(read_results(found.interactions).groups)
        names = [one["name"] for one in found.interactions["targets"]]
        if target not in names or not set(groups) <= set(labels):
            return None
        estimates = found.decoded.estimate([labels.index(group) for group in groups])
        one = estimates[names.index(target)] if isinstance(estimates, list) else estimates
        return None if one is None or one.ci is None else (one.value, one.ci)

    return look_up
