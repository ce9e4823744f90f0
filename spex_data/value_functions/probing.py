"""A probe of what a value function costs here: parts of a few fine-tunes, by the engine and one at a time."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from spex_data.evaluation import evaluate_targets
from spex_data.training import AdapterBank, finetune_one, plain_adapter, plain_examples
from spex_data.training.costs import ProbedCosts, WayCosts
from spex_data.training.engine.memory import fitting
from spex_data.training.engine.passes import PreparedExamples, train_in_passes
from spex_data.training.engine.probe import clock, shortened, trained_tokens, whole_training
from spex_data.training.recipe import LoraRecipe
from spex_data.value_functions.subset_training import SubsetTraining

_LONG_ENOUGH = 0.5
"""Seconds that a probe of training lasts, unless the whole training takes less."""

Train = Callable[[NDArray[np.bool_], LoraRecipe], None]


def probe_costs(
    function: SubsetTraining, masks: NDArray[np.bool_], *, most: int, share: float = 1.0
) -> ProbedCosts:
    """Times the engine at the size of a pass that it would have, and the one-adapter reference.

    Args:
        function: Its own size of a pass counts; "auto" is decided by a probe first.
        masks: bool[m, n_groups], some of those to be measured.
        most: Adapters to a pass at most.
        share: Of the free memory, that a worker may use.

    Returns:
        Seconds by the clock of `clock`: processor time where one thread computes.
    """
    base, recipe, now = function.base_model, function.recipe, clock(function.base_model.device)
    started = now()
    prepared = function.prepare()
    prepare_seconds = now() - started
    size, trained = function.adapters_per_pass, 0
    if size == "auto":
        choice = function.probe_pass_size(masks, most=most, share=share)
        size, trained = choice.adapters_per_pass, sum(timing.adapters for timing in choice.timings)
    rows = np.arange(min(size, most)) % len(masks)
    present, seeds = function.grouping.present(masks[rows]), list(range(len(rows)))

    def by_engine(kept: NDArray[np.bool_], few: LoraRecipe) -> None:
        train_in_passes(base, prepared, kept, few, seeds, len(rows))

    engine = _microseconds(by_engine, prepared, present, recipe, now)
    bank = _untrained(function, masks[rows], prepared)
    started = now()
    function.evaluate(bank)
    measuring = (now() - started) / len(bank)
    worker_bytes = _peak_bytes(base.device)
    examples = plain_examples(base, function.examples)
    with fitting(), plain_adapter(base, recipe) as model:

        def by_loop(kept: NDArray[np.bool_], few: LoraRecipe) -> None:
            finetune_one(model, base, examples, kept[0], few, 0)

        loop = _microseconds(by_loop, prepared, present[:1], recipe, now)
        started = now()
        evaluate_targets(model, base, function.targets)
        loop_measuring = now() - started
    return ProbedCosts(
        engine=WayCosts(engine, measuring),
        loop=WayCosts(loop, loop_measuring),
        adapters_per_pass=int(size),
        prepare_seconds=prepare_seconds,
        adapter_bytes=sum(tensor.nbytes for tensor in bank.tensors.values()) // len(bank),
        worker_bytes=worker_bytes,
        trained=trained + len(rows) + 1,
    )


def _microseconds(
    train: Train,
    prepared: PreparedExamples,
    present: NDArray[np.bool_],
    recipe: LoraRecipe,
    now: Callable[[], float],
) -> float:
    """For a token of a training that is long enough to be timed; what warms up is not counted."""
    whole, slots = whole_training(recipe, present.shape[1]), 2
    few, kept = shortened(recipe, present, 1)
    train(kept, few)
    while True:
        few, kept = shortened(recipe, present, slots)
        started = now()
        train(kept, few)
        spent = now() - started
        if spent >= _LONG_ENOUGH or slots >= whole:
            return 1e6 * spent / max(1.0, float(trained_tokens(prepared, kept, few).sum()))
        slots = min(whole, max(2 * slots, int(slots * _LONG_ENOUGH / max(spent, 1e-3))))


def _untrained(function: SubsetTraining, masks: NDArray[np.bool_], prepared: PreparedExamples) -> AdapterBank:
    """Adapters at their start, which take as long to measure as any others."""
    nothing = np.zeros((len(masks), len(function.examples)), dtype=np.bool_)
    seeds = list(range(len(masks)))
    trained = train_in_passes(function.base_model, prepared, nothing, function.recipe, seeds, len(masks))
    return AdapterBank(
        function.recipe,
        function.base_model.fingerprint,
        "",
        masks,
        np.array(seeds, dtype=np.int64),
        trained.tensors,
        trained.losses,
        trained.causes,
        trained.adapters_per_pass,
    )


def _peak_bytes(device: str) -> int:
    if device.startswith("cuda"):
        return int(torch.cuda.max_memory_allocated(device))
    # Kilobytes on Linux, bytes on a Mac.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
