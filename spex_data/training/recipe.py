"""How one adapter is trained; needs no torch."""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import asdict, dataclass, fields
from typing import Literal, get_args

from spex_data.errors import TrainingError

Optimizer = Literal["adamw", "sgd"]
Decay = Literal["linear", "cosine", "constant"]
Schedule = Literal["fixed", "filtered"]

_LAYERS = re.compile(r"all|last-[1-9][0-9]*")
_LEAST = {"rank": 1, "epochs": 1, "batch_size": 1, "steps_per_epoch": 0, "max_steps": 0}
_POSITIVE = ("alpha", "learning_rate")
_NOT_NEGATIVE = ("weight_decay", "clip_norm", "warmup")
_CHOICES = {"optimizer": get_args(Optimizer), "decay": get_args(Decay), "schedule": get_args(Schedule)}


@dataclass(frozen=True)
class LoraRecipe:
    """All that decides an adapter besides the base model, the seed and the present examples.

    The adapted layer computes W x + s B A x, s = alpha / r, or alpha / sqrt(r) with `rslora`; there is no
    dropout (Hu et al. 2021, section 4.1). Nor is there a choice of torch.compile: it paid nowhere that it was
    measured (figures in `training.engine`).

    Args:
        rank: Rank r of the adapters.
        alpha: Numerator of the scale s.
        target_modules: Last names of the linear layers adapted; empty = every linear layer of the blocks.
        layers: "all", or "last-k" for the last k blocks.
        rslora: Rank-stabilised scale (Kalajdzievski 2023).
        optimizer: "adamw" (betas .9 and .999, eps 1e-8) or "sgd" (no momentum).
        learning_rate: Before `decay` and `warmup`.
        weight_decay: Decoupled in AdamW, added to the gradient in SGD.
        decay: Factor of the learning rate at global step t of T: "linear" 1 - t/T, "cosine"
            (1 + cos(pi t/T)) / 2, "constant" 1.
        warmup: Share of the T steps over which the learning rate rises: a factor (t + 1) / W at t < W,
            W = warmup T, rounded up.
        clip_norm: Largest norm of an adapter's whole gradient; 0 = off.
        epochs: Passes over the present examples.
        max_steps: T itself: as many epochs as it takes, the last cut off; 0 = `epochs` decides.
        batch_size: Examples of a step when all are present.
        schedule: "fixed" (S slots an epoch, whatever is present) or "filtered" (ordinary training on what
            is left).
        steps_per_epoch: S of the fixed schedule; 0 = number of examples / batch size, rounded up.

    Raises:
        TrainingError: A value that no training can have.
    """

    rank: int = 8
    alpha: float = 16.0
    target_modules: tuple[str, ...] = ()
    layers: str = "all"
    rslora: bool = False
    optimizer: Optimizer = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    decay: Decay = "linear"
    warmup: float = 0.0
    clip_norm: float = 1.0
    epochs: int = 3
    max_steps: int = 0
    batch_size: int = 16
    schedule: Schedule = "fixed"
    steps_per_epoch: int = 0

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            _require(_is_whole(getattr(self, name), least), self, name, f"a whole number of at least {least}")
        for name in _POSITIVE:
            _require(0 < getattr(self, name) < math.inf, self, name, "a number above 0")
        for name in _NOT_NEGATIVE:
            _require(0 <= getattr(self, name) < math.inf, self, name, "0 or more")
        for name, choices in _CHOICES.items():
            _require(getattr(self, name) in choices, self, name, " or ".join(choices))
        _require(self.warmup <= 1, self, "warmup", "a share of the steps, 0 to 1")
        _require(bool(_LAYERS.fullmatch(self.layers)), self, "layers", "all, or last-k such as last-2")
        named = isinstance(self.target_modules, tuple) and all(self.target_modules)
        _require(named, self, "target_modules", 'a tuple of names such as ("q_proj", "v_proj")')

    @property
    def scaling(self) -> float:
        """What B A is multiplied by."""
        return self.alpha / (math.sqrt(self.rank) if self.rslora else self.rank)

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal characters that name every field but `steps_per_epoch`, which `slots` resolves."""
        content = asdict(self)
        content.pop("steps_per_epoch")
        for field in fields(self):
            if field.type == "float":
                content[field.name] = float(content[field.name])
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    def slots(self, n_examples: int) -> int:
        """S, the steps of an epoch of the fixed schedule.

        Args:
            n_examples: Examples in all, present or not.
        """
        return self.steps_per_epoch or math.ceil(n_examples / self.batch_size)

    def rate(self, step: int, total: int) -> float:
        """The learning rate of a global step.

        Args:
            step: Counted from 0; the fixed schedule's empty slots count.
            total: Steps of the whole training.
        """
        factors = {
            "linear": 1 - step / total,
            "cosine": (1 + math.cos(math.pi * step / total)) / 2,
            "constant": 1.0,
        }
        rising = math.ceil(self.warmup * total)
        return self.learning_rate * factors[self.decay] * min(1.0, (step + 1) / max(1, rising))


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _require(holds: bool, recipe: LoraRecipe, name: str, instead: str) -> None:
    if not holds:
        raise TrainingError(
            f"is {getattr(recipe, name)!r}", where=f"recipe.{name}", instead=f"write {instead}"
        )
