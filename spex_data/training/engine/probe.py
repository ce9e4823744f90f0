"""A short probe: how many adapters to a pass are fastest here, by the clock and in the memory there is."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from spex_data.models import BaseModel
from spex_data.models.memory import ran_out_of_memory
from spex_data.training.engine.memory import bytes_of_an_adapter, forget_cached, free_bytes
from spex_data.training.engine.passes import PreparedExamples, pass_shape
from spex_data.training.engine.stack import make_stack
from spex_data.training.engine.training import train_stack
from spex_data.training.recipe import LoraRecipe
from spex_data.training.schedule import steps_of_an_epoch

_LEAST_SECONDS = 0.02
"""How long the probe of a single adapter lasts at least, so that the clock is fine enough."""
_SHORT = 0.1
"""A pass that takes fewer seconds is timed twice, and the faster one counts."""
_AS_GOOD = 1.03
"""A smaller pass is chosen if it takes at most so many times as long as the fastest."""
_WORSE = 1.15
"""A pass so many times slower than the fastest before it ends the probe."""
_SHARE_OF_MEMORY = 0.5


@dataclass(frozen=True)
class PassTiming:
    """What one size of a pass came to.

    Attributes:
        adapters: Adapters to a pass.
        microseconds_per_token: Time for each token of each adapter's examples.
    """

    adapters: int
    microseconds_per_token: float


@dataclass(frozen=True)
class PassChoice:
    """How many adapters to a pass, and why.

    Attributes:
        adapters_per_pass: The choice.
        timings: What was measured, smallest pass first; nothing where memory ran out with one adapter.
        ended: Why no larger pass was tried: "slower", "memory" or "largest".
    """

    adapters_per_pass: int
    timings: tuple[PassTiming, ...]
    ended: str


def probe_pass_size(
    base: BaseModel,
    prepared: PreparedExamples,
    present: NDArray[np.bool_],
    recipe: LoraRecipe,
    *,
    most: int,
    share: float = 1.0,
) -> PassChoice:
    """Times a few steps with 1, 2, 4, ... adapters to a pass.

    Args:
        base: Frozen; left as it was.
        prepared: All examples.
        present: bool[m, n_examples], what some masks of the study keep.
        recipe: How adapters are trained.
        most: Adapters to a pass at most.
        share: Of the free memory, that this process may use: 1 / workers.

    Returns:
        The smallest pass that is about as fast as the fastest.
    """
    free = free_bytes(base.device)
    one = make_stack(base, recipe, prepared.sites, 1).matrix
    each = bytes_of_an_adapter(one.numel(), one.dtype)
    timings: list[PassTiming] = []
    slots, ended = 0, "largest"
    for size in _sizes(most):
        if timings and free is not None and size * each > _SHARE_OF_MEMORY * share * free:
            ended = "memory"
            break
        try:
            slots = slots or _enough_slots(base, prepared, present, recipe)
            timing = _timing(base, prepared, present, recipe, size, slots)
        except (RuntimeError, MemoryError) as error:
            if not ran_out_of_memory(error):
                raise
            forget_cached()
            ended = "memory"
            break
        timings.append(timing)
        if timing.microseconds_per_token > _WORSE * min(t.microseconds_per_token for t in timings):
            ended = "slower"
            break
    if not timings:
        # Training goes on with fewer tokens to a pass, and says so when not even one row fits.
        return PassChoice(1, (), ended)
    best = min(timing.microseconds_per_token for timing in timings)
    chosen = next(timing for timing in timings if timing.microseconds_per_token <= _AS_GOOD * best)
    return PassChoice(chosen.adapters, tuple(timings), ended)


def shortened(
    recipe: LoraRecipe, present: NDArray[np.bool_], slots: int
) -> tuple[LoraRecipe, NDArray[np.bool_]]:
    """A training of about so many steps, each like a step of the whole one.

    Args:
        recipe: Of the whole training.
        present: bool[K, n_examples].
        slots: Steps of the fixed schedule.

    Returns:
        (recipe, present) of whole epochs, or of one epoch over a part of the examples, drawn by chance; the
        whole training when it has no more steps.
    """
    an_epoch = recipe.slots(present.shape[1])
    if slots >= whole_training(recipe, present.shape[1]):
        return recipe, present
    if slots >= an_epoch:
        return replace(recipe, epochs=slots // an_epoch, max_steps=0), present
    part = np.random.default_rng(0).random(present.shape[1]) < slots / an_epoch
    return replace(recipe, epochs=1, max_steps=0, steps_per_epoch=slots), present & part


def whole_training(recipe: LoraRecipe, n_examples: int) -> int:
    """Steps of a training of the fixed schedule, empty ones counted."""
    return recipe.max_steps or recipe.epochs * recipe.slots(n_examples)


def clock(device: str) -> Callable[[], float]:
    """Seconds: processor time where one thread computes, which others do not lengthen; else wall time."""
    if device == "cpu" and torch.get_num_threads() == 1:
        return time.process_time

    def synchronised() -> float:
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)
        return time.perf_counter()

    return synchronised


def trained_tokens(
    prepared: PreparedExamples, present: NDArray[np.bool_], recipe: LoraRecipe
) -> NDArray[np.float64]:
    """Tokens that each training reads over all its epochs, on average over orders: float64[K]."""
    lengths = prepared.sequences.table.lengths.astype(np.float64)
    an_epoch: NDArray[np.float64] = present.astype(np.float64) @ lengths
    if not recipe.max_steps:
        return an_epoch * float(recipe.epochs)
    each = [steps_of_an_epoch(recipe, present.shape[1], int(count)) for count in present.sum(axis=1)]
    tokens: NDArray[np.float64] = an_epoch * recipe.max_steps / np.maximum(1, each)
    return tokens


def _sizes(most: int) -> Iterator[int]:
    size = 1
    while size <= most:
        yield size
        size *= 2


def _enough_slots(
    base: BaseModel, prepared: PreparedExamples, present: NDArray[np.bool_], recipe: LoraRecipe
) -> int:
    """Steps that one adapter takes long enough for; the first training, which warms up, is not counted."""
    whole = whole_training(recipe, present.shape[1])
    _timed(base, prepared, present, recipe, 1, 2)
    slots = 2
    while True:
        spent, _ = _timed(base, prepared, present, recipe, 1, slots)
        if spent >= _LEAST_SECONDS or slots >= whole:
            return slots
        slots = min(whole, slots * max(2, math.ceil(_LEAST_SECONDS / max(spent, 1e-3))))


def _timing(
    base: BaseModel,
    prepared: PreparedExamples,
    present: NDArray[np.bool_],
    recipe: LoraRecipe,
    size: int,
    slots: int,
) -> PassTiming:
    seconds, tokens = _timed(base, prepared, present, recipe, size, slots)
    if seconds < _SHORT:
        seconds = min(seconds, _timed(base, prepared, present, recipe, size, slots)[0])
    return PassTiming(size, 1e6 * seconds / tokens)


def _timed(
    base: BaseModel,
    prepared: PreparedExamples,
    present: NDArray[np.bool_],
    recipe: LoraRecipe,
    size: int,
    slots: int,
) -> tuple[float, float]:
    """Seconds that a pass of some size takes for some steps, and the tokens of its adapters' examples."""
    rows = np.arange(size) % len(present)
    recipe, kept = shortened(recipe, present[rows], slots)
    shape, now = pass_shape(base, prepared.sites), clock(base.device)
    started = now()
    train_stack(
        base, prepared.examples, prepared.sequences, kept, recipe, prepared.sites, list(range(size)), shape
    )
    return now() - started, max(1.0, float(trained_tokens(prepared, kept, recipe).sum()))
