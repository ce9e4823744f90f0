"""The fast Walsh-Hadamard transform, and an expansion's value at every mask by it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spex_data.spectra.expansions import FourierExpansion


def every_value(expansion: FourierExpansion) -> NDArray[np.float64]:
    """An expansion at all of its masks, in n 2^n additions.

    Args:
        expansion: Of one target and n groups; 2^n numbers are held.

    Returns:
        float64[2^n]; bit i of a value's place says whether group i is present.
    """
    coefficients = np.zeros(2**expansion.n_groups)
    for term, coefficient in zip(expansion.terms, expansion.coefficients, strict=True):
        coefficients[sum(1 << member for member in term)] += coefficient
    return walsh_hadamard(coefficients) * len(coefficients)


def walsh_hadamard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of values times (-1)^(j . l) over l, for every j.

    Args:
        values: float64[..., 2^b], by l.

    Returns:
        float64[..., 2^b], by j; bit i of j goes with bit i of l.
    """
    size = values.shape[-1]
    found = values.reshape(-1, size)
    width = 1
    while width < size:
        halves = found.reshape(-1, size // (2 * width), 2, width)
        found = np.concatenate(
            [halves[:, :, :1] + halves[:, :, 1:], halves[:, :, :1] - halves[:, :, 1:]], axis=2
        ).reshape(-1, size)
        width *= 2
    return found.reshape(values.shape) / size
