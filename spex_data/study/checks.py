"""What must hold between the keys of a study."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spex_data.data import file_format
from spex_data.errors import ConfigError
from spex_data.study.lenses import (
    FeaturesConfig,
    components_conflicts,
    features_conflicts,
    lens_conflicts,
    model_conflicts,
)
from spex_data.study.mask_checks import coded_masks, interval_goal, rounds
from spex_data.study.procedure import DecodingConfig, RunnerConfig
from spex_data.study.sections import (
    EMBEDDED,
    UNREAD,
    DataConfig,
    GroupsConfig,
    ModelConfig,
    TargetsConfig,
)
from spex_data.study.training import TrainingConfig

_COLUMNS = {"classification": ("text", "label"), "causal-lm": ("prompt", "completion")}
_GROUPS_NEED = {
    "column": ("column", "the name of the column whose values are the groups"),
    "list": ("file", "the path of a JSON file of groups"),
    "shards": ("k", "the number of shards, at least 2"),
    "kmeans": ("k", "the number of clusters, at least 2"),
}


@dataclass(frozen=True)
class Check:
    """A condition, with the keys it reads: where one of them is wrong by itself, the condition says nothing.

    Args:
        reads: Dotted paths of keys.
        find: From the sections of those keys, in order of first mention, to what is wrong.
    """

    reads: tuple[str, ...]
    find: Callable[..., Iterator[ConfigError]]


def find_conflicts(sections: Mapping[str, Any], broken: Collection[str] = ()) -> list[ConfigError]:
    """All that is wrong between keys that are each right by themselves.

    Args:
        sections: The sections of a study by name, and its lens.
        broken: Dotted paths of the keys that are wrong by themselves; a section's name stands for all its
            keys.

    Returns:
        One error for each conflict, none if the study is sound.
    """
    errors: list[ConfigError] = []
    for check in CHECKS:
        names = dict.fromkeys(path.partition(".")[0] for path in check.reads)
        if not (set(check.reads) | set(names)) & set(broken):
            errors.extend(check.find(*(sections[name] for name in names)))
    return errors


def _columns(data: DataConfig) -> Iterator[ConfigError]:
    if data.embedded or data.train == UNREAD:
        return
    for task, columns in _COLUMNS.items():
        for column in columns:
            given = getattr(data, column)
            if task == data.task and given is None:
                yield ConfigError(
                    f"is missing, and the task is {data.task}",
                    where=f"data.{column}",
                    instead=f"write the name of the column that holds the {column}",
                )
            elif task != data.task and given is not None:
                yield ConfigError(
                    f'is "{given}", and the task is {data.task}',
                    where=f"data.{column}",
                    instead=f"remove it, or write data.task: {task}",
                )


def _splits(data: DataConfig) -> Iterator[ConfigError]:
    if file_format(data.train) and data.split != "train":
        yield _no_splits("data.split", data.split, data.train)


def _embedded_data(data: DataConfig) -> Iterator[ConfigError]:
    if data.embedded and data.task != "causal-lm":
        yield ConfigError(
            f"is {data.task}, and the embedded data are prompts and completions",
            where="data.task",
            instead="write causal-lm",
        )
    for name in ("where", "limit"):
        if data.embedded and getattr(data, name):
            yield ConfigError(
                "is given, and the embedded data are used whole", where=f"data.{name}", instead="remove it"
            )


def _groups(groups: GroupsConfig) -> Iterator[ConfigError]:
    if groups.by not in _GROUPS_NEED:
        return
    needed, words = _GROUPS_NEED[groups.by]
    if getattr(groups, needed) is None:
        yield ConfigError(
            f"is missing, and the groups are by {groups.by}",
            where=f"groups.{needed}",
            instead=f"write {words}",
        )
    for name in ("column", "file", "k"):
        given = getattr(groups, name)
        if name != needed and given is not None:
            users = " or ".join(by for by, (key, _) in _GROUPS_NEED.items() if key == name)
            yield ConfigError(
                f"is {given}, and the groups are by {groups.by}",
                where=f"groups.{name}",
                instead=f"remove it, or write groups.by: {users}",
            )
    if groups.core and groups.by in ("shards", "kmeans"):
        yield ConfigError(
            f"names groups, and {groups.by} have no names before they are made",
            where="groups.core",
            instead="remove it, or group by column or list",
        )


def _targets(
    lens: str, targets: TargetsConfig, data: DataConfig, features: FeaturesConfig, model: ModelConfig
) -> Iterator[ConfigError]:
    asked_of_data = lens != "data" and (features.text is not None or not model.finetune)
    if targets.source is None and file_format(data.train) and not asked_of_data:
        yield ConfigError(
            "is missing, and a training file has no test split",
            where="targets.from",
            instead="write the path of a file with the rows to explain",
        )
    if targets.source and file_format(targets.source) and targets.split != "test":
        yield _no_splits("targets.split", targets.split, targets.source)


def _more_targets(targets: TargetsConfig) -> Iterator[ConfigError]:
    for file in targets.more:
        if file_format(file) is None:
            yield ConfigError(
                f'names "{file}", which is no file of rows',
                where="targets.more",
                instead="write the paths of CSV, JSON lines or Parquet files",
            )


def _contrast(targets: TargetsConfig, data: DataConfig) -> Iterator[ConfigError]:
    source = targets.source or data.train
    if targets.output == "contrast" and targets.foil is None and source != EMBEDDED:
        yield ConfigError(
            "is missing, and the output contrast compares with it",
            where="targets.foil",
            instead="write the name of the column that holds the other answer",
        )


def _model(model: ModelConfig, data: DataConfig) -> Iterator[ConfigError]:
    fits = {EMBEDDED: "causal-lm", "minilm": "classification"}.get(model.source, data.task)
    if fits != data.task:
        yield ConfigError(
            f"is {model.source}, a model for {fits}, and the task is {data.task}",
            where="model.source",
            instead=f"write the path or id of a model for {data.task}",
        )


def _steps(training: TrainingConfig) -> Iterator[ConfigError]:
    if training.schedule == "filtered" and training.steps_per_epoch != "auto":
        yield ConfigError(
            f"is {training.steps_per_epoch}, and in the filtered schedule the steps follow the examples left",
            where="training.steps_per_epoch",
            instead="write auto, or training.schedule: fixed",
        )


def _method(decoding: DecodingConfig) -> Iterator[ConfigError]:
    from spex_data.decoding import NAMES

    if decoding.method not in NAMES:
        nearest = difflib.get_close_matches(decoding.method, NAMES, 1)
        hint = f"did you mean {nearest[0]}? " if nearest else ""
        yield ConfigError(
            f'is "{decoding.method}", which is no decoder',
            where="decoding.method",
            instead=f"{hint}write one of {', '.join(NAMES)}",
        )


def _runner(runner: RunnerConfig) -> Iterator[ConfigError]:
    clusters = ("dask", "ray")
    for name, given in (("address", runner.address), ("gpus", runner.gpus)):
        if given and runner.kind not in clusters:
            yield ConfigError(
                f"is {given}, and runner.kind is {runner.kind}, which knows no cluster",
                where=f"runner.{name}",
                instead="remove it, or write runner.kind: dask or ray",
            )
    if runner.address and runner.kind in clusters and runner.workers != "auto":
        yield ConfigError(
            f"is {runner.workers}, and the cluster at runner.address has its own workers",
            where="runner.workers",
            instead="write auto, or remove runner.address",
        )


def _no_splits(where: str, split: str, source: str) -> ConfigError:
    return ConfigError(
        f'is "{split}", and a file has no splits', where=where, instead=f"remove it, or change {source}"
    )


CHECKS = (
    Check(("data.task", "data.train", "data.text", "data.label", "data.prompt", "data.completion"), _columns),
    Check(("data.train", "data.split"), _splits),
    Check(("data.task", "data.train", "data.where", "data.limit"), _embedded_data),
    Check(("groups.by", "groups.column", "groups.file", "groups.k", "groups.core"), _groups),
    Check(
        ("lens", "targets.from", "targets.split", "data.train", "features.text", "model.finetune"), _targets
    ),
    Check(("targets.more",), _more_targets),
    Check(("targets.output", "targets.foil", "targets.from", "data.train"), _contrast),
    Check(("model.source", "data.task"), _model),
    Check(("training.schedule", "training.steps_per_epoch"), _steps),
    Check(("decoding.method",), _method),
    Check(("masks.scheme", "masks.p", "decoding.method"), coded_masks),
    Check(
        (
            "masks.until",
            "masks.budget",
            "masks.scheme",
            "masks.first",
            "masks.inherit",
        ),
        rounds,
    ),
    Check(("masks.until", "decoding.method"), interval_goal),
    Check(("runner.kind", "runner.address", "runner.gpus", "runner.workers"), _runner),
    Check(
        ("lens", "features", "components", "groups.by", "verify.enabled", "masks.heldout_seeds"),
        lens_conflicts,
    ),
    Check(
        ("lens", "model.finetune", "data.train", "targets.from", "features.text"),
        model_conflicts,
    ),
    Check(
        ("lens", "features.text", "features.answer", "features.masking", "targets.from"),
        features_conflicts,
    ),
    Check(("components.rescaled", "components.ablation", "components.heads"), components_conflicts),
)
