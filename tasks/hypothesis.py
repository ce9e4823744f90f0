"""What a user's hypothesis names, and what it costs to test."""

from __future__ import annotations

import difflib
import shlex

from spex_data.errors import ConfigError, TargetError
from spex_data.reports import read_document, read_results
from spex_data.reports.durations import duration
from spex_data.verification import LARGEST
from tasks.reuse import seconds_a_fine_tune
from tasks.run_folder import RunFolder
from tasks.verify import Planned


def chosen_groups(folder: RunFolder, words: str) -> tuple[int, ...]:
    """The groups of a run that a text names, by label or number.

    Args:
        folder: A finished run.
        words: Labels or numbers, with commas between; a label may hold a comma itself.

    Returns:
        Their numbers, sorted.

    Raises:
        ConfigError: An unknown or repeated group, a label that several have, or not 2 to 4 groups.
    """
    folder.read_study()
    labels = read_results(read_document(folder.interactions)).groups
    found = [_group(word, labels) for word in _split(words, labels)]
    if len(set(found)) < len(found):
        raise ConfigError(f"is {words!r}, one group twice", where="--groups", instead="name each once")
    if not 2 <= len(found) <= LARGEST:
        raise ConfigError(
            f"names {len(found)} group{'s' * (len(found) != 1)}",
            where="--groups",
            instead=f"write 2 to {LARGEST} of them, such as '{labels[0]},{labels[-1]}'",
        )
    return tuple(sorted(found))


def require_training(folder: RunFolder) -> None:
    """Refuses to retrain where nothing is trained.

    Raises:
        ConfigError: The run is of another lens than data.
    """
    study = folder.read_study()
    if study.lens != "data":
        raise ConfigError(
            f"is a run of the lens {study.lens}, whose values are exact: there is nothing to retrain",
            where=str(folder.directory),
            instead="its held-out masks are the check (`spex-data show`)",
        )


def chosen_target(folder: RunFolder, name: str | None) -> int | None:
    """Number of the target of that name; None for all.

    Raises:
        TargetError: There is none.
    """
    if name is None:
        return None
    results = read_results(read_document(folder.interactions))
    return results.targets.index(results.target(name))


def only_target(folder: RunFolder, name: str | None) -> int:
    """Number of the target of that name, or of the only one.

    Raises:
        TargetError: There is none of that name, or several and no name.
    """
    chosen = chosen_target(folder, name)
    names = [target.name for target in read_results(read_document(folder.interactions)).targets]
    if chosen is None and len(names) > 1:
        raise TargetError(
            f"is missing, and the run has {len(names)} targets",
            where="--target",
            instead=f"write one of them, such as --target {shlex.quote(names[0])}",
        )
    return chosen or 0


def cost_words(folder: RunFolder, planned: Planned) -> str:
    """What a verification will take, in a line."""
    missing = planned.total - planned.done
    seconds = seconds_a_fine_tune(folder.read_manifest())
    about = f", about {duration(missing * seconds)} by what one took here" if seconds and missing else ""
    reused = f"; {planned.done} of {planned.total} are measured already" if planned.done else ""
    return f"this takes {missing} fine-tunes{about}{reused}"


def _split(words: str, labels: tuple[str, ...]) -> list[str]:
    """Cuts at commas, but not within a label that holds one."""
    parts, found = words.split(","), []
    while parts:
        for size in range(len(parts), 0, -1):
            joined = ",".join(parts[:size]).strip()
            if size == 1 or joined in labels:
                found.append(joined)
                parts = parts[size:]
                break
    return found


def _group(word: str, labels: tuple[str, ...]) -> int:
    if word in labels:
        return labels.index(word)
    if word.isdecimal() and int(word) < len(labels):
        return int(word)
    nearest = difflib.get_close_matches(word, labels, 1, cutoff=0.0) or [""]
    raise ConfigError(
        f"names {word!r}, and the run has no such group",
        where="--groups",
        instead=f"the nearest is {nearest[0]!r}; or write a number from 0 to {len(labels) - 1}",
    )
