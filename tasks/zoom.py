"""One group of a run split into its parts: the folder of a finer run, with all values that stay valid."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from prefect import get_run_logger, task

from spex_data.data import Examples
from spex_data.errors import ConfigError, GroupingError, StoreError
from spex_data.groups import Grouping, by_kmeans, by_shards
from spex_data.groups.zoom import find_group, listed, origins, split_group
from spex_data.masks import MaskDesign
from spex_data.masks.inheritance import Inherited
from spex_data.study import StudyConfig, zoomed
from spex_data.values import write_parquet, write_whole
from tasks.inputs import load_base_model, load_examples
from tasks.masks_so_far import design_so_far
from tasks.run_folder import RunFolder

CORE = "always trained on"
"""What the list of groups calls the core."""


@dataclass(frozen=True)
class Split:
    """What is split, and how.

    Attributes:
        group: Its name.
        by: Column of the data whose values are the parts; None for parts by chance, or clusters.
        parts: How many, where they are not a column's.
        kmeans: Whether they are clusters of near texts.
        masks: Training masks of the finer run in all; None: half as many again as are there already.
    """

    group: str
    by: str | None = None
    parts: int | None = None
    kmeans: bool = False
    masks: int | None = None


def check_split(source: RunFolder, split: Split) -> Grouping:
    """The groups of a run, if it can be split like that as far as its folder says.

    Raises:
        StoreError: The folder holds no run that has measured its masks.
        GroupingError: No such group, or one without parts.
        ConfigError: It is not said into what, or the parts cannot be.
    """
    study = source.read_study()
    if not source.values.is_file():
        raise StoreError(
            "holds a run that has not measured its masks yet",
            where=str(source.directory),
            instead=f"finish it first: {source.command()}",
        )
    if study.masks.scheme == "stratified":
        raise ConfigError(
            "is stratified, and what is measured of such masks is no part of a sample over finer groups",
            where="masks.scheme",
            instead="write a study of its own over the finer groups; --update reuses values that stay valid",
        )
    grouping = Grouping.from_table(pq.read_table(source.groups))
    size = len(grouping.members[find_group(grouping, split.group)])
    if (split.by is None) == (split.parts is None):
        raise ConfigError(
            "is given without what its parts are" if split.by is None else "is given with --by and --parts",
            where=f"--split {split.group!r}",
            instead="write --by COLUMN, or --parts K for K parts by chance (with --kmeans: by nearness)",
        )
    if split.parts is not None and not 2 <= split.parts <= size:
        raise ConfigError(
            f"is {split.parts}, and {split.group!r} has {size} examples",
            where="--parts",
            instead=f"write 2 to {size}",
        )
    return grouping


@task(
    name="split group",
    task_run_name="split {split.group}",
    description="Make the finer groups; copy the values; write what masks they are of.",
    tags=["train"],
)
def split_run(source_directory: str, directory: str, split: Split) -> StudyConfig:
    """Prepares the folder of a finer run: groups.json, inherited.parquet, and the values of the run before.

    The same again finds what is there and changes nothing that was measured since.

    Args:
        source_directory: Folder of the run.
        directory: Folder of the finer run.
        split: What is split.

    Returns:
        The finer run's study.

    Raises:
        StoreError: The data changed since the run, or the folder holds a run of other groups.
        GroupingError: The parts cannot be made.
    """
    source, folder = RunFolder(Path(source_directory)), RunFolder(Path(directory))
    grouping, study, manifest = check_split(source, split), source.read_study(), source.read_manifest()
    group = find_group(grouping, split.group)
    examples = load_examples(study)
    if manifest["hashes"]["data"] != examples.content_hash:
        raise StoreError(
            "the data changed since the run", where=source_directory, instead="run it with --update first"
        )
    finer = split_group(grouping, group, _labels(study, examples, grouping.members[group], split))
    n_parts = finer.n_groups - grouping.n_groups + 1
    before = design_so_far(source, study, grouping)
    inherited = _inherited(before, finer, origins(grouping, group, n_parts), group, n_parts)
    folder.directory.mkdir(parents=True, exist_ok=True)
    groups, masks = folder.directory / "groups.json", folder.directory / "inherited.parquet"
    content = (json.dumps(listed(finer, CORE), indent=1) + "\n").encode()
    if folder.study.is_file() and not (groups.is_file() and groups.read_bytes() == content):
        raise StoreError(
            "holds a run of other groups", where=directory, instead="choose another folder with --out"
        )
    write_whole(groups, content)
    write_parquet(inherited.to_table(), masks)
    copied = _copy_values(source, folder)
    there = len(before.training)
    get_run_logger().info(
        "%s in %d parts: %d groups; %d masks of %s stay valid (%d files of values copied)",
        split.group, n_parts, finer.n_groups, there, source_directory, copied,
    )  # fmt: skip
    return zoomed(
        study,
        name=finer_name(study.name, split.group)[:100],
        groups=str(groups.resolve()),
        inherit=str(masks.resolve()),
        core=CORE if finer.core else None,
        budget=split.masks or there + max(finer.n_groups + 2, there // 2),
        steps_per_epoch=manifest["steps_per_epoch"],
        adapters_per_pass=source.adapters_per_pass(),
    )


def finer_name(name: str, group: str) -> str:
    """The name of a finer run, such as "demo-Tamo-reset-note"."""
    slug = re.sub(r"[^A-Za-z0-9._]+", "-", group).strip("-.")
    return f"{name}-{slug[:60] or 'parts'}"


def _labels(study: StudyConfig, examples: Examples, rows: tuple[int, ...], split: Split) -> list[str]:
    """The part of each example of a group."""
    if split.by is not None:
        if split.by not in examples.columns:
            raise GroupingError(
                f"is {split.by!r}, and the data has {', '.join(examples.columns) or 'no other columns'}",
                where="--by",
                instead="write one of those columns, or --parts K for parts by chance",
            )
        return [examples.columns[split.by][row] for row in rows]
    ids, parts = [examples.ids[row] for row in rows], split.parts or 2
    if split.kmeans:
        from spex_data.models import embed_texts

        embeddings = embed_texts(load_base_model(study, examples), [examples.inputs[row] for row in rows])
        made = by_kmeans(ids, embeddings, parts, seed=study.seed)
    else:
        made = by_shards(ids, parts, seed=study.seed)
    return [made.names[part].replace("shard", "part") for part in made.group_of.tolist()]


def _inherited(before: MaskDesign, finer: Grouping, places: list[int], group: int, n_parts: int) -> Inherited:
    lawful = np.ones(len(before.training), np.bool_) if before.lawful is None else before.lawful
    return Inherited(
        finer.keys,
        finer.keys[group : group + n_parts],
        before.training[:, places],
        before.training_draws,
        lawful,
        before.heldout[:, places],
        before.heldout_draws,
    )


def _copy_values(source: RunFolder, folder: RunFolder) -> int:
    """Copies the part files that the folder has not; they never change once they are there."""
    there = folder.store.directory
    there.mkdir(parents=True, exist_ok=True)
    stored = sorted(source.store.directory.glob("part-*.parquet"))
    parts = [part for part in stored if not (there / part.name).exists()]
    for part in parts:
        half = there / f".{part.name}.copy"
        shutil.copyfile(part, half)
        half.replace(there / part.name)
    return len(parts)
