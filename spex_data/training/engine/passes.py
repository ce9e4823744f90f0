"""How many adapters to a pass, and what happens when they do not fit."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from spex_data.data import Examples
from spex_data.models import BaseModel
from spex_data.models.memory import ran_out_of_memory
from spex_data.models.quiet import quietly
from spex_data.training.encoding import EncodedExamples, encode_examples
from spex_data.training.engine.forward import PreparedSequences, prepare_sequences
from spex_data.training.engine.memory import fitting, forget_cached, nothing_fits
from spex_data.training.engine.training import PassShape, Trained, train_stack
from spex_data.training.engine.trial import require_rows_in_order
from spex_data.training.recipe import LoraRecipe
from spex_data.training.sites import AdapterSites, find_sites

_MOST_ADAPTERS = 32
"""More at once gained nothing in any measurement, on a CPU or a GPU."""
_TOKENS = {"cpu": 4096.0, "cuda": 32768.0}
"""Tokens of a pass beyond which a larger one is no faster: the caches of a CPU, the arithmetic of a GPU."""
_WORK_OF_A_PASS = {"cpu": 4e7, "cuda": 5e10}
"""Multiplications in one block that take as long as starting one more pass through it."""


@dataclass(frozen=True)
class PreparedExamples:
    """What all adapters of a recipe share of the training examples.

    Attributes:
        examples: The examples as tokens.
        sites: Where the recipe adapts the model.
        sequences: The same examples as the engine wants them.
    """

    examples: EncodedExamples
    sites: AdapterSites
    sequences: PreparedSequences


def prepare_examples(base: BaseModel, examples: Examples, recipe: LoraRecipe) -> PreparedExamples:
    """Computes once what all adapters share: tokens, and hidden states below the first adapted block.

    Args:
        base: Frozen; left as it was.
        examples: All training examples.
        recipe: Where it adapts the model counts.

    Raises:
        TrainingError: The recipe does not fit the model, or an example does not.
    """
    sites = find_sites(base, recipe)
    encoded = encode_examples(base, examples)
    with quietly(), fitting():
        sequences = prepare_sequences(base, sites, encoded)
        require_rows_in_order(base, recipe, sites, sequences)
    return PreparedExamples(encoded, sites, sequences)


def train_in_passes(
    base: BaseModel,
    prepared: PreparedExamples,
    present: NDArray[np.bool_],
    recipe: LoraRecipe,
    seeds: Sequence[int],
    adapters_per_pass: int | Literal["auto"],
) -> Trained:
    """Trains all adapters, as many at once as asked for; half as many whenever memory runs out.

    Args:
        base: Frozen; left as it was.
        prepared: All examples.
        present: bool[K, n_examples].
        recipe: How.
        seeds: K training seeds.
        adapters_per_pass: How many at once; "auto" for `suitable_pass`.

    Returns:
        All adapters, and how many shared a pass in the end.

    Raises:
        TrainingError: Not even one adapter fits into memory.
    """
    examples, sites, sequences = prepared.examples, prepared.sites, prepared.sequences
    size = suitable_pass(base, sequences, recipe) if adapters_per_pass == "auto" else adapters_per_pass
    shape = pass_shape(base, sites)
    parts: list[Trained] = []
    start = 0
    while start < len(seeds):
        chosen = slice(start, start + size)
        try:
            parts.append(
                train_stack(base, examples, sequences, present[chosen], recipe, sites, seeds[chosen], shape)
            )
        except (RuntimeError, MemoryError) as error:
            if not ran_out_of_memory(error):
                raise
            size, shape = _smaller(min(size, len(seeds) - start), shape, error)
        else:
            start += size
    return _joined(parts, size)


def suitable_pass(base: BaseModel, prepared: PreparedSequences, recipe: LoraRecipe) -> int:
    """Adapters whose examples of one step fill a pass; it follows from sizes alone, not from a clock.

    Args:
        base: Where it runs.
        prepared: How long the examples are.
        recipe: How many to a step.
    """
    tokens = _of(_TOKENS, base)
    # A mask keeps half of the groups, as a rule.
    of_a_step = max(1.0, float(prepared.table.lengths.mean()) * recipe.batch_size / 2)
    return int(np.clip(2 ** round(np.log2(2 * tokens / of_a_step)), 1, _MOST_ADAPTERS))


def pass_shape(base: BaseModel, sites: AdapterSites) -> PassShape:
    """How to cut rows into passes: one more costs few tokens with a large model, whose tokens are dear."""
    block = base.model.get_submodule(sites.blocks[0])
    weights = sum(parameter.numel() for parameter in block.parameters())
    return PassShape(_of(_WORK_OF_A_PASS, base) / max(1, weights), _of(_TOKENS, base))


def fewer_tokens(shape: PassShape, error: BaseException) -> PassShape:
    """Half as many tokens to a pass, after memory ran out.

    Raises:
        TrainingError: A pass has only one row already.
    """
    forget_cached()
    if shape.most > 1:
        warnings.warn(f"memory ran out with one adapter and {shape.most:.0f} tokens to a pass", stacklevel=2)
        return PassShape(shape.cost, shape.most / 2 if shape.most > 64 else 1)
    raise nothing_fits() from error


def _of(figures: dict[str, float], base: BaseModel) -> float:
    return figures["cpu" if base.device == "cpu" else "cuda"]


def _smaller(size: int, shape: PassShape, error: BaseException) -> tuple[int, PassShape]:
    """Half as many adapters to a pass, then half as many tokens."""
    if size == 1:
        return 1, fewer_tokens(shape, error)
    forget_cached()
    warnings.warn(f"memory ran out with {size} adapters to a pass; going on with {size // 2}", stacklevel=2)
    return size // 2, shape


def _joined(parts: Sequence[Trained], size: int) -> Trained:
    return Trained(
        {name: torch.cat([part.tensors[name] for part in parts]) for name in parts[0].tensors},
        np.concatenate([part.losses for part in parts]),
        tuple(cause for part in parts for cause in part.causes),
        size,
    )
