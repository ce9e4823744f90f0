"""A study with more masks or more targets: what was measured of it before stays valid."""

from __future__ import annotations

import os
from pathlib import Path

from spex_data.errors import ConfigError
from spex_data.study.checks import find_conflicts
from spex_data.study.config import StudyConfig
from spex_data.study.masks import MasksConfig
from spex_data.study.parsing import parse_study


def extended(
    study: StudyConfig,
    n_groups: int,
    *,
    budget: int | None = None,
    targets: str | None = None,
    measured: int | None = None,
) -> StudyConfig:
    """The study with a larger budget, or with the targets of a file besides its own.

    Args:
        study: As it is.
        n_groups: Number of its groups, which a budget of alpha n log2 n hangs on.
        budget: Training masks in all; None leaves them.
        targets: A file of further targets in the columns of the study's data; None adds none.
        measured: Training masks that a study in rounds has come to; None of others. A number of masks asked
            for takes the place of its goal.

    Returns:
        The study; an equal one where it has all of that already.

    Raises:
        ConfigError: Neither is given, the budget is smaller than the study's, or the file is none.
    """
    if budget is None and targets is None:
        raise ConfigError(
            "neither --masks nor --targets is given",
            where="spex-data extend",
            instead="write --masks N for N training masks in all, or --targets FILE for further targets",
        )
    masks, more = study.masks, study.targets.more
    if budget is not None:
        masks = _with_budget(study, budget, study.budget(n_groups) if measured is None else measured)
    if targets is not None:
        path = _file_of_targets(study, targets)
        more = more if path in more else (*more, path)
    new = study.model_copy(
        update={"masks": masks, "targets": study.targets.model_copy(update={"more": more})}
    )
    conflicts = find_conflicts(new.parts())
    if conflicts:
        raise conflicts[0]
    return new


def _with_budget(study: StudyConfig, budget: int, before: int) -> MasksConfig:
    """The masks of a study with a budget of its own, which is at least what there was before."""
    masks = study.masks
    if budget < before:
        raise ConfigError(
            f"is {budget}, and the run has {before} training masks",
            where="--masks",
            instead=f"write the number of masks in all, at least {before}",
        )
    if budget > before:
        masks = masks.model_copy(update={"budget": budget, "until": None})
    if not masks.until and masks.scheme != "adaptive":
        masks = masks.model_copy(update={"first": None})
    return masks


def _file_of_targets(study: StudyConfig, targets: str) -> str:
    """The whole path of a file of further targets."""
    if study.lens != "data":
        raise ConfigError(
            f"goes with adapters kept on disk, and the lens is {study.lens}",
            where="--targets",
            instead="name the rows in the study's targets, and run it with --update",
        )
    path = os.path.normpath(Path.cwd() / Path(targets).expanduser())
    if not Path(path).is_file():
        raise ConfigError(
            f"names {targets}, and there is no such file",
            where="--targets",
            instead="give a CSV, JSON lines or Parquet file with the columns of the training data",
        )
    return path


def zoomed(
    study: StudyConfig,
    *,
    name: str,
    groups: str,
    inherit: str,
    core: str | None,
    budget: int,
    steps_per_epoch: int,
    adapters_per_pass: int,
) -> StudyConfig:
    """The study of a run whose group was split: the same examples, trained in the same way.

    Args:
        study: Of the run.
        name: Of the new one.
        groups: The file of the finer groups.
        inherit: The file of the masks that the run has measured.
        core: Name of what is always trained on in the file of groups; None where there is nothing.
        budget: Training masks in all.
        steps_per_epoch: As the run had it, since every value hangs on it.
        adapters_per_pass: As the run had it, so that values of the same masks have the same bits.

    Raises:
        SeveralErrors: The study has become one that cannot be.
    """
    mapping = study.as_mapping()
    mapping["name"] = name
    mapping["groups"] = {"by": "list", "file": groups, "core": [core] if core else []}
    mapping["masks"] |= {
        "budget": budget,
        "scheme": "bernoulli",
        "until": None,
        "first": None,
        "inherit": inherit,
    }
    mapping["training"] |= {"adapters_per_pass": adapters_per_pass}
    if study.training.schedule == "fixed":
        mapping["training"]["steps_per_epoch"] = steps_per_epoch
    return parse_study(mapping)
