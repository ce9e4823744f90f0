"""Fine-tunes a stack of adapters, each on its own examples, in its own order, from its own start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from spex_data.models import BaseModel
from spex_data.training.encoding import EncodedExamples
from spex_data.training.engine.forward import PreparedSequences, StackedModel, stacked_model
from spex_data.training.engine.optimiser import StackedOptimiser
from spex_data.training.engine.stack import AdapterStack, initialise, make_stack
from spex_data.training.engine.tables import cut_into_passes
from spex_data.training.recipe import LoraRecipe
from spex_data.training.schedule import steps_of_an_epoch, training_steps
from spex_data.training.sites import AdapterSites


@dataclass(frozen=True)
class Trained:
    """What a pass came to.

    Attributes:
        tensors: PEFT's name of a parameter -> tensor[K, ...] on the CPU.
        losses: float64[K], mean loss of the last epoch's steps; NaN where it failed or trained on nothing.
        causes: str[K] or None: why an adapter failed.
        adapters_per_pass: How many shared a pass in the end, or would have, had there been as many.
    """

    tensors: dict[str, torch.Tensor]
    losses: NDArray[np.float64]
    causes: tuple[str | None, ...]
    adapters_per_pass: int


@dataclass(frozen=True)
class _Step:
    """One step of one adapter that is not empty.

    Attributes:
        number: Which of all its steps, from 0.
        total: How many these are.
        rate: Learning rate.
        rows: int64[n], its examples.
        counts: Whether it is one of the last, as many as an epoch has.
    """

    number: int
    total: int
    rate: float
    rows: NDArray[np.int64]
    counts: bool


@dataclass(frozen=True)
class PassShape:
    """How the rows of a step are cut into passes.

    Attributes:
        cost: What one more pass costs, in tokens.
        most: Tokens of a pass at most.
    """

    cost: float
    most: float


def train_stack(
    base: BaseModel,
    examples: EncodedExamples,
    prepared: PreparedSequences,
    present: NDArray[np.bool_],
    recipe: LoraRecipe,
    sites: AdapterSites,
    seeds: Sequence[int],
    shape: PassShape,
) -> Trained:
    """Trains K adapters at once.

    Every adapter goes through its own steps, empty ones left out: the i-th round takes the i-th step of each,
    whose learning rate is that of its own global step. One whose loss is not finite stops there.

    Args:
        base: Frozen; left as it was.
        examples: All examples.
        prepared: The same, prepared for the model.
        present: bool[K, n_examples].
        recipe: How.
        sites: Where.
        seeds: K training seeds.
        shape: How rounds are cut.
    """
    stack = make_stack(base, recipe, sites, len(seeds))
    initialise(stack, base, sites, list(seeds))
    plans = [_plan(examples.ids, row, recipe, seed) for row, seed in zip(present, seeds, strict=True)]
    optimiser = StackedOptimiser(stack.matrix, recipe)
    causes: list[str | None] = [None] * len(plans)
    sums, counts = np.zeros(len(plans)), np.zeros(len(plans))
    with stacked_model(base, recipe, sites, stack, prepared) as model:
        for turn in range(max(map(len, plans))):
            going = [k for k, plan in enumerate(plans) if turn < len(plan) and causes[k] is None]
            if not going:
                break
            steps = {k: plans[k][turn] for k in going}
            losses = _gradients(model, steps, shape)
            for k in going:
                if not np.isfinite(losses[k]):
                    causes[k] = (
                        f"the loss became {losses[k]} in step {steps[k].number + 1} of {steps[k].total}"
                    )
                sums[k] += steps[k].counts * losses[k] * len(steps[k].rows)
                counts[k] += steps[k].counts * len(steps[k].rows)
            _update(optimiser, stack, {k: steps[k].rate for k in going if causes[k] is None})
    trained = (counts > 0) & np.array([cause is None for cause in causes])
    means = np.divide(sums, counts, out=np.full(len(plans), np.nan), where=trained)
    tensors = {
        name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in stack.tensors.items()
    }
    return Trained(tensors, means, tuple(causes), len(stack))


def _plan(ids: Sequence[str], present: NDArray[np.bool_], recipe: LoraRecipe, seed: int) -> list[_Step]:
    steps = training_steps(ids, present, recipe, seed)
    last = len(steps) - steps_of_an_epoch(recipe, len(ids), int(present.sum()))
    return [
        _Step(number, len(steps), recipe.rate(number, len(steps)), rows, number >= last)
        for number, rows in enumerate(steps)
        if len(rows)
    ]


def _gradients(model: StackedModel, steps: dict[int, _Step], shape: PassShape) -> NDArray[np.float64]:
    """Adds the gradient of every adapter's own loss to its parameters; returns the losses, float64[K].

    The losses are summed over adapters: none depends on the parameters of another.
    """
    rows = np.concatenate([step.rows for step in steps.values()])
    owners = np.repeat(list(steps), [len(step.rows) for step in steps.values()])
    table, device = model.prepared.table, model.base.device
    share = np.zeros(len(model.stack))
    share[list(steps)] = [1 / len(step.rows) for step in steps.values()]
    weights = share[owners] / table.sizes[rows]
    dtype = model.stack.matrix.dtype
    losses = torch.zeros(len(model.stack), dtype=dtype, device=device)
    for part in cut_into_passes(table.lengths[rows], cost=shape.cost, most=shape.most):
        scored = model.scored(rows[part], owners[part])
        each = cross_entropy(scored.logits.to(dtype), scored.answers, reduction="none")
        weighted = each * torch.from_numpy(weights[part][scored.rows]).to(device, dtype)
        weighted.sum().backward()
        losses.index_add_(0, torch.from_numpy(owners[part][scored.rows]).to(device), weighted.detach())
    return losses.double().cpu().numpy()


def _update(optimiser: StackedOptimiser, stack: AdapterStack, rates: dict[int, float]) -> None:
    device = stack.matrix.device
    active = None if len(rates) == len(stack) else torch.tensor(list(rates), dtype=torch.int64, device=device)
    gradients = stack.take_gradients(active)
    if rates:
        chosen = torch.tensor(list(rates.values()), dtype=torch.float64, device=device)
        optimiser.step(gradients, chosen, active)
