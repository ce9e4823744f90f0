"""How large the weights are that a component gives its output through: the baseline of pruning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from transformers.pytorch_utils import Conv1D

from spex_data.models import BaseModel
from spex_data.value_functions.component_sites import (
    Component,
    find_component_sites,
    input_width,
    require_components,
)


def component_magnitudes(base: BaseModel, components: Sequence[Component]) -> NDArray[np.float64]:
    """Root mean square of the weights of each component's part of its output projection.

    A head's part are the columns that read its own numbers, an MLP block's the whole layer; a mean over
    weights, so that blocks of other sizes are compared fairly.

    Args:
        base: The model.
        components: Of it.

    Returns:
        float64[n], in the order of the components.

    Raises:
        ModelError: As `find_component_sites`, or a component that does not exist.
    """
    sites = find_component_sites(base)
    require_components(base, sites, components)
    found = []
    for one in components:
        layer = base.model.get_submodule(
            sites.mlps[one.layer] if one.head < 0 else sites.attention[one.layer]
        )
        weight = cast(torch.Tensor, layer.weight).detach().double()
        by_input = weight if isinstance(layer, Conv1D) else weight.T
        width = input_width(layer) // sites.n_heads
        part = by_input if one.head < 0 else by_input[one.head * width : (one.head + 1) * width]
        found.append(float(part.square().mean().sqrt()))
    return np.array(found)
