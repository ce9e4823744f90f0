"""The masks of a run as far as it has come: all of them, or those of the rounds that it has begun."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq

from spex_data.adaptive import next_round, round_ends
from spex_data.groups import Grouping
from spex_data.masks import MaskDesign, masks_from_strings
from spex_data.masks.growth import first_masks, with_masks
from spex_data.study import StudyConfig
from spex_data.values import read_value_table
from tasks.run_folder import RunFolder


def study_rounds(study: StudyConfig, whole: MaskDesign) -> list[int]:
    """Training masks in all at the end of each round of a study; one round where it asks for none."""
    if not study.in_rounds:
        return [len(whole.training)]
    masks = study.masks
    return round_ends(whole.n_groups, len(whole.training), first=masks.first, growth=masks.growth)


def design_so_far(folder: RunFolder, study: StudyConfig, grouping: Grouping) -> MaskDesign:
    """The masks of the rounds that a run has begun: what its masks.parquet holds, or the first round.

    Where the study is in no rounds these are all its masks. Chosen masks are read and not chosen anew, so
    that a later version that would choose others goes on with the same ones.

    Args:
        folder: The run's.
        study: What it holds.
        grouping: Its groups.
    """
    whole = study.mask_design(grouping.keys)
    if not study.in_rounds:
        return whole
    first = first_masks(whole, study_rounds(study, whole)[0])
    if not folder.masks.is_file():
        return first
    stored = pq.read_table(folder.masks)
    if not {"draw", "lawful"} <= set(stored.column_names):
        return first
    rows = stored.filter(np.array(stored["role"].to_pylist()) == "train").to_pydict()
    place = {mask: row for row, mask in reversed(list(enumerate(rows["mask"])))}
    kept = sorted(place.values())
    masks = masks_from_strings([rows["mask"][row] for row in kept])
    start = len(first.training)
    # Other groups, held-out masks or seeds make another design, whose rounds begin again.
    if masks.shape[1:] != (whole.n_groups,) or not np.array_equal(masks[:start], first.training):
        return first
    if study.masks.scheme != "adaptive":
        return first_masks(whole, len(masks))
    draws = np.array([rows["draw"][row] for row in kept], dtype=np.int64)
    lawful = np.array([rows["lawful"][row] for row in kept], dtype=np.bool_)
    return with_masks(first, masks[start:], draws[start:], lawful[start:])


def design_of_next_round(folder: RunFolder, study: StudyConfig, grouping: Grouping) -> MaskDesign:
    """The masks so far and those of one more round, chosen by the values measured if the study says so.

    Args:
        folder: Of a run with the values of all masks so far.
        study: What it holds.
        grouping: Its groups.
    """
    so_far, whole = design_so_far(folder, study, grouping), study.mask_design(grouping.keys)
    end = next(end for end in study_rounds(study, whole) if end > len(so_far.training))
    if study.masks.scheme != "adaptive":
        return first_masks(whole, end)
    masks, values = read_value_table(folder.values).aligned("train")
    return next_round(so_far, whole, values, masks, end, group_keys=grouping.keys)
