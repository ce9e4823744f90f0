"""A trial of a model before it is trained: do its layers see the rows in the order they are given in?"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from spex_data.errors import TrainingError
from spex_data.models import BaseModel
from spex_data.training.engine.forward import PreparedSequences, stacked_model
from spex_data.training.engine.stack import AdapterStack, fill, initialise, make_stack
from spex_data.training.recipe import LoraRecipe
from spex_data.training.sites import AdapterSites, initial_matrix

_TOLERANCE = 0.1
"""Largest error in units of the difference between two adapters: a mix-up gives 1, rounding far less."""


@torch.no_grad()
def require_rows_in_order(
    base: BaseModel, recipe: LoraRecipe, sites: AdapterSites, prepared: PreparedSequences
) -> None:
    """Measures two large random adapters together and each alone, where order cannot matter.

    Raises:
        TrainingError: The values differ: the model sorts its rows or tokens, as mixtures of experts do.
    """
    rows = np.array([0, int(prepared.table.lengths.argmax())])
    both = make_stack(base, recipe, sites, 2)
    initialise(both, base, sites, [0, 1])
    for name, tensor in both.tensors.items():
        if name.endswith("lora_B.weight"):
            a, height = both.tensors[name.replace("lora_B", "lora_A")], tensor.shape[1]
            draws = torch.stack([initial_matrix(seed, name, recipe.rank, height).mT for seed in (0, 1)])
            tensor.copy_(draws * (height * 3 / recipe.rank / recipe.scaling**2) ** 0.5 * a.shape[2] ** 0.5)
    alone = []
    for adapter in (0, 1):
        one = make_stack(base, recipe, sites, 1)
        fill(one, {name: tensor[adapter : adapter + 1] for name, tensor in both.tensors.items()})
        alone.append(_logits(base, recipe, sites, one, prepared, rows, np.zeros(2, dtype=np.int64)))
    together = _logits(base, recipe, sites, both, prepared, np.tile(rows, 2), np.array([0, 0, 1, 1]))
    error = (together - torch.cat(alone)).abs().max()
    if not error <= _TOLERANCE * (alone[0] - alone[1]).abs().max():
        raise TrainingError(
            "computes rows in an order of its own, so that many adapters cannot share a pass",
            where="model.source",
            instead='train one at a time: train_adapters(..., engine="reference")',
        )


def _logits(
    base: BaseModel,
    recipe: LoraRecipe,
    sites: AdapterSites,
    stack: AdapterStack,
    prepared: PreparedSequences,
    rows: NDArray[np.int64],
    owners: NDArray[np.int64],
) -> torch.Tensor:
    with stacked_model(base, recipe, sites, stack, prepared) as model:
        return model.scored(rows, owners).logits.float()
