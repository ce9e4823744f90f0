"""A mask's identity: its bits, never its position in a table."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spex_data.errors import MaskError


def as_masks(masks: ArrayLike, *, n_groups: int | None = None, where: str = "masks") -> NDArray[np.bool_]:
    """Checks that an array holds masks and returns it as booleans.

    Args:
        masks: bool or 0/1 numbers, shape [n_masks, n_groups].
        n_groups: The width expected, if known.
        where: What to call the array in a message.

    Returns:
        bool[n_masks, n_groups].

    Raises:
        MaskError: Not two-dimensional, of the wrong width, or with an entry other than 0 and 1.
    """
    array = np.asarray(masks)
    if array.ndim != 2:
        raise MaskError(
            f"has {array.ndim} dimension(s)", where=where, instead="give one row a mask, one column a group"
        )
    if n_groups is not None and array.shape[1] != n_groups:
        raise MaskError(
            f"has {array.shape[1]} columns for {n_groups} groups",
            where=where,
            instead="give one column a group",
        )
    if array.dtype != np.bool_:
        odd = ~np.isin(array, (0, 1))
        if odd.any():
            row, column = np.argwhere(odd)[0]
            raise MaskError(
                f"holds {array[row, column]!s} in row {row}, column {column}",
                where=where,
                instead="write 1 for a group that is present and 0 for one that is absent",
            )
    return array.astype(np.bool_)


def mask_key(mask: ArrayLike) -> str:
    """The hash of a mask's bits, by which rows are joined.

    Args:
        mask: bool[n_groups].

    Returns:
        16 hexadecimal characters.
    """
    bits = np.asarray(mask, dtype=np.bool_)
    return blake2b(np.packbits(bits).tobytes(), digest_size=8, salt=len(bits).to_bytes(8, "big")).hexdigest()


def mask_string(mask: ArrayLike) -> str:
    """A mask as people read it, one character a group: "0110"."""
    return (np.asarray(mask, dtype=np.uint8) + ord("0")).tobytes().decode("ascii")


def masks_from_strings(strings: Sequence[str], *, where: str = "mask") -> NDArray[np.bool_]:
    """The masks that `mask_string` wrote.

    Args:
        strings: Strings of 0 and 1, all of one length.
        where: What to call the column in a message.

    Returns:
        bool[n_masks, n_groups].

    Raises:
        MaskError: A string of another length, or with another character.
    """
    if not len(strings):
        return np.zeros((0, 0), dtype=np.bool_)
    width = len(strings[0])
    for row, text in enumerate(strings):
        if len(text) != width or set(text) - {"0", "1"}:
            raise MaskError(
                f"is {text!r} in row {row}", where=where, instead=f"write {width} characters, each 0 or 1"
            )
    flat = np.frombuffer("".join(strings).encode("ascii"), dtype=np.uint8)
    return (flat.reshape(len(strings), width) == ord("1")).astype(np.bool_)
