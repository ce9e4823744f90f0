"""The logits of all adapters of a bank on some sequences, in as few passes as fit."""

from __future__ import annotations

import numpy as np
import torch

from spex_data.errors import TrainingError
from spex_data.models import BaseModel
from spex_data.models.memory import ran_out_of_memory
from spex_data.models.quiet import quietly
from spex_data.training.adapter_bank import AdapterBank
from spex_data.training.engine.forward import PreparedSequences, prepare_sequences, stacked_model
from spex_data.training.engine.passes import fewer_tokens, pass_shape
from spex_data.training.engine.stack import AdapterStack, fill, make_stack
from spex_data.training.engine.tables import Sequences, cut_into_passes
from spex_data.training.engine.training import PassShape
from spex_data.training.recipe import LoraRecipe
from spex_data.training.sites import AdapterSites, find_sites


def prepare_scoring(base: BaseModel, recipe: LoraRecipe, sequences: Sequences) -> PreparedSequences:
    """Computes once what all adapters of a recipe share of some sequences."""
    with quietly():
        return prepare_sequences(base, find_sites(base, recipe), sequences)


@torch.no_grad()
def bank_logits(base: BaseModel, bank: AdapterBank, prepared: PreparedSequences) -> list[torch.Tensor]:
    """Logits of every adapter where the answers of sequences are scored.

    Args:
        base: The model that the bank was trained on; left as it was.
        bank: K adapters.
        prepared: n sequences (`prepare_scoring` with the bank's recipe).

    Returns:
        n tensors float[K, k, outputs], k the scored positions of the sequence.

    Raises:
        TrainingError: The bank belongs to another model, or not even one row fits into memory.
    """
    if bank.base_fingerprint != base.fingerprint:
        raise TrainingError(
            f"was trained on the model {bank.base_fingerprint[:12]}, not on {base.fingerprint[:12]}",
            where="the bank of adapters",
            instead="load the base model that it was trained on, with the same labels and precision",
        )
    sites = find_sites(base, bank.recipe)
    stack = make_stack(base, bank.recipe, sites, len(bank))
    fill(stack, bank.tensors)
    shape = pass_shape(base, sites)
    while True:
        try:
            return _in_passes(base, bank, prepared, sites, stack, shape)
        except (RuntimeError, MemoryError) as error:
            if not ran_out_of_memory(error):
                raise
            shape = fewer_tokens(shape, error)


def _in_passes(
    base: BaseModel,
    bank: AdapterBank,
    prepared: PreparedSequences,
    sites: AdapterSites,
    stack: AdapterStack,
    shape: PassShape,
) -> list[torch.Tensor]:
    lengths, sizes = prepared.table.lengths, prepared.table.sizes
    found: list[list[torch.Tensor]] = [[] for _ in lengths]
    with stacked_model(base, bank.recipe, sites, stack, prepared) as model:
        for part in cut_into_passes(lengths, cost=shape.cost / len(bank), most=shape.most):
            # One more adapter brings all rows of the part.
            at_once = max(1, int(shape.most // (len(part) * lengths[part].max())))
            for adapters in np.array_split(np.arange(len(bank)), -(-len(bank) // at_once)):
                rows, owners = np.tile(part, len(adapters)), np.repeat(adapters, len(part))
                logits = model.scored(rows, owners).logits.unflatten(0, (len(adapters), -1))
                for row, piece in zip(part, logits.split(sizes[part].tolist(), dim=1), strict=True):
                    found[row].append(piece)
    return [torch.cat(pieces) for pieces in found]
