"""What value functions that draw nothing have in common: keys without a seed, and masks measured in parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from spex_data.masks import as_masks
from spex_data.value_functions.protocol import Measured

_CPU_TOKENS, _DEVICE_TOKENS = 512, 8192
"""Tokens of a pass: few enough for a processor's cache, many enough to keep a GPU busy."""


def pass_tokens(device: str) -> int:
    """Tokens that a model reads at once where nobody says how many.

    Args:
        device: Where the model is, such as "cpu" or "cuda:0".
    """
    return _CPU_TOKENS if device == "cpu" else _DEVICE_TOKENS


def exact_keys(fixed: str, rows: Iterable[str], targets: Sequence[str]) -> list[list[str]]:
    """Content keys of values that depend on no seed: hash(what all share, what a mask leaves, target).

    Args:
        fixed: What decides every value, such as model and way of masking.
        rows: What each of m masks leaves, as text.
        targets: What names each target's content.

    Returns:
        str[m][n_targets], 32 hexadecimal characters each.
    """
    return [
        [blake2b(f"{fixed}/{row}/{target}".encode(), digest_size=16).hexdigest() for target in targets]
        for row in rows
    ]


def in_parts(
    masks: NDArray[np.bool_],
    measure: Callable[[NDArray[np.bool_]], NDArray[np.float64]],
    *,
    n_groups: int,
    n_targets: int,
    size: Callable[[], int],
) -> Measured:
    """Values of masks, so many at once as memory allows.

    One whose value is not a finite number has failed, and says so.

    Args:
        masks: bool[m, n_groups].
        measure: float64[some, n_targets] of some of them.
        n_groups: Width that the masks must have.
        n_targets: Number of targets.
        size: Gives the masks that are measured at once; asked after the masks were checked.

    Raises:
        MaskError: Masks that are none, or of another width.
    """
    checked = as_masks(masks, n_groups=n_groups)
    step = max(1, size())
    values = np.empty((len(checked), n_targets))
    for start in range(0, len(checked), step):
        values[start : start + step] = measure(checked[start : start + step])
    finite = np.isfinite(values)
    values[~finite] = np.nan
    causes = tuple(None if all(row) else "the model's answer is not a finite number" for row in finite)
    return Measured(values, causes, np.full(len(checked), np.nan))
