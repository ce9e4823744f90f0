"""The reference: one adapter, plain PEFT, an ordinary torch optimiser, and nothing clever.

What a value means is written out here a second time, from the definitions alone. Nothing of how the engine
tokenises, orders, schedules, places or initialises is used, so that a misunderstanding there shows here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, cast

import torch
from numpy.typing import NDArray
from peft import LoraConfig, PeftModel
from torch.nn.functional import cross_entropy

from spex_data.data import Examples
from spex_data.models import BaseModel
from spex_data.training.peft_model import wearing
from spex_data.training.recipe import LoraRecipe

_IGNORED = -100
_NO_LIMIT = 10**6
"""Tokens; tokenizers that know no limit claim 10^30."""


class NotFinite(ArithmeticError):
    """The loss of a fine-tune became NaN or infinite."""


@dataclass(frozen=True)
class PlainExample:
    """A training example as a textbook's loop wants it.

    Attributes:
        id: The example's id.
        tokens: What the model reads.
        labels: Number of the label, or for each token itself where it is the completion's, else -100.
    """

    id: str
    tokens: list[int]
    labels: list[int]


@contextmanager
def plain_adapter(base: BaseModel, recipe: LoraRecipe) -> Iterator[PeftModel]:
    """The base model with an adapter that PEFT's own rules put on it, while the block lasts."""
    blocks = int(base.model.config.num_hidden_layers)
    count = blocks if recipe.layers == "all" else int(recipe.layers.removeprefix("last-"))
    kinds = {name: type(module).__name__ for name, module in base.model.named_modules()}
    inside = {name: kind for name, kind in kinds.items() if re.search(r"\.\d+\.", name)}
    linear = {name.rpartition(".")[2] for name, kind in inside.items() if kind in ("Linear", "Conv1D")}
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=cast(Any, recipe.alpha),
        use_rslora=recipe.rslora,
        lora_dropout=0.0,
        target_modules=sorted(recipe.target_modules or linear),
        layers_to_transform=list(range(blocks - count, blocks)),
        modules_to_save=sorted({name.rpartition(".")[0] for name in base.initialised}) or None,
        fan_in_fan_out="Conv1D" in kinds.values(),
    )
    with wearing(base, config) as model:
        yield model


def plain_examples(base: BaseModel, examples: Examples) -> list[PlainExample]:
    """Tokenises one example after the other.

    A labelled text has its special tokens and is cut to what the model reads. A completion follows its
    prompt, which alone has special tokens; nothing is added at the end.
    """
    read = []
    for name, text, output in zip(examples.ids, examples.inputs, examples.outputs, strict=True):
        if base.task == "classification":
            room = getattr(base.model.config, "max_position_embeddings", _NO_LIMIT)
            longest = min(base.tokenizer.model_max_length, room, _NO_LIMIT)
            tokens = base.tokenizer(text, truncation=True, max_length=longest)["input_ids"]
            read.append(PlainExample(name, tokens, [base.labels.index(output)]))
        else:
            prompt = base.tokenizer(text)["input_ids"]
            completion = base.tokenizer(output, add_special_tokens=False)["input_ids"]
            read.append(PlainExample(name, prompt + completion, [_IGNORED] * len(prompt) + completion))
    return read


def finetune_one(
    model: PeftModel,
    base: BaseModel,
    examples: Sequence[PlainExample],
    present: NDArray[Any],
    recipe: LoraRecipe,
    seed: int,
) -> float:
    """Trains the adapter on the present examples, from its initial state.

    Args:
        model: The base model with an adapter on it (`plain_adapter`), in evaluation mode: no dropout.
        base: Its task, device and padding token.
        examples: All examples.
        present: bool[n_examples].
        recipe: How.
        seed: Decides initialisation and order.

    Returns:
        Mean loss over the examples of the last steps, as many as an epoch has, each as it was when trained
        on; NaN when there were none.

    Raises:
        NotFinite: The loss became NaN or infinite.
    """
    reset_adapter(model, seed)
    epochs = plain_epochs([example.id for example in examples], present, recipe, seed)
    steps = [rows for epoch in epochs for rows in epoch][: recipe.max_steps or None]
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.SGD
    optimiser = kind(parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    seen: list[tuple[float, int]] = []
    for number, rows in enumerate(steps):
        seen.append((0.0, 0))
        if not rows:
            continue  # An empty slot: the learning rate moves on, the optimiser does not.
        for group in optimiser.param_groups:
            group["lr"] = plain_rate(number, len(steps), recipe)
        optimiser.zero_grad()
        loss = mean_loss(model, base, [examples[row] for row in rows])
        if not torch.isfinite(loss):
            raise NotFinite(f"the loss became {loss.item()} in step {number + 1} of {len(steps)}")
        loss.backward()
        if recipe.clip_norm:
            torch.nn.utils.clip_grad_norm_(parameters, recipe.clip_norm)
        optimiser.step()
        seen[-1] = (loss.item(), len(rows))
    last = seen[-len(epochs[0]) :] if epochs else []
    count = sum(size for _, size in last)
    return sum(loss * size for loss, size in last) / count if count else math.nan


def plain_epochs(
    ids: Sequence[str], present: NDArray[Any], recipe: LoraRecipe, seed: int
) -> list[list[list[int]]]:
    """The rows of every step of every epoch.

    In epoch e example x has a number u in [0, 1), decided by (seed, e, x). Fixed schedule: an epoch has S
    steps, and x is trained on in step floor(S u); within a step, and everywhere in the filtered schedule,
    examples come in the order of u.
    """
    here = [row for row in range(len(ids)) if present[row]]
    slots = recipe.steps_per_epoch or math.ceil(len(ids) / recipe.batch_size)
    epochs: list[list[list[int]]] = []
    while len(epochs) < recipe.epochs if not recipe.max_steps else sum(map(len, epochs)) < recipe.max_steps:
        u = {row: plain_uniform(seed, len(epochs), ids[row]) for row in here}
        order = sorted(here, key=lambda row: u[row])
        if recipe.schedule == "fixed":
            epochs.append([[row for row in order if int(slots * u[row]) == slot] for slot in range(slots)])
        elif here:
            size = recipe.batch_size
            epochs.append([order[start : start + size] for start in range(0, len(order), size)])
        else:
            return []
    return epochs


def plain_uniform(seed: int, epoch: int, example: str) -> float:
    """The number in [0, 1) of an example in an epoch.

    8 bytes of BLAKE2b of seed, "order" and example seed SplitMix64 (Steele, Lea & Flood 2014), whose output
    number `epoch` is cut to 53 bits.
    """
    digest = blake2b("\x1f".join([str(seed), "order", example]).encode(), digest_size=8).digest()
    z = (int.from_bytes(digest, "big") + (epoch + 1) * 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return ((z ^ (z >> 31)) >> 11) / 2**53


def plain_rate(step: int, total: int, recipe: LoraRecipe) -> float:
    """The learning rate of a global step, counted from 0, of `total`."""
    rate = recipe.learning_rate
    if recipe.decay == "linear":
        rate = rate * (total - step) / total
    if recipe.decay == "cosine":
        rate = rate * math.cos(math.pi / 2 * step / total) ** 2
    rising = math.ceil(recipe.warmup * total)
    return rate * (step + 1) / rising if step < rising else rate


def reset_adapter(model: PeftModel, seed: int) -> None:
    """Gives an adapter its initial state: B zero, heads as the base model's, A uniform on +-1/sqrt(inputs).

    A is drawn in float32 on the CPU from a generator of its own, seeded by BLAKE2b of seed and name.
    """
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_A." in name:
                module = name.removeprefix("base_model.model.").partition(".lora_A.")[0]
                digest = blake2b(f"{seed}\x1f{module}".encode(), digest_size=8).digest()
                generator = torch.Generator().manual_seed(int.from_bytes(digest, "big") // 2)
                draw = torch.rand(parameter.shape, generator=generator, dtype=torch.float32, device="cpu")
                parameter.copy_((2 * draw - 1) / math.sqrt(parameter.shape[1]))
            elif ".lora_B." in name:
                parameter.zero_()
            elif ".modules_to_save." in name:
                module, _, rest = name.partition(".modules_to_save.default.")
                parameter.copy_(model.get_parameter(f"{module}.original_module.{rest}"))


def mean_loss(model: Any, base: BaseModel, batch: Sequence[PlainExample]) -> torch.Tensor:
    """Mean over examples of each one's cross-entropy; that of a completion is the mean over its tokens."""
    longest = max(len(example.tokens) for example in batch)
    tokens = torch.full((len(batch), longest), int(base.tokenizer.pad_token_id))
    mask, labels = torch.zeros_like(tokens), torch.full_like(tokens, _IGNORED)
    for place, example in enumerate(batch):
        # Padding goes to the right: positions are then those of the text alone.
        tokens[place, : len(example.tokens)] = torch.tensor(example.tokens)
        mask[place, : len(example.tokens)] = 1
        labels[place, : len(example.labels)] = torch.tensor(example.labels)
    logits = model(input_ids=tokens.to(base.device), attention_mask=mask.to(base.device)).logits
    logits, labels = _at_least_single(logits), labels.to(base.device)
    if base.task == "classification":
        return cross_entropy(logits, labels[:, 0])
    losses = cross_entropy(logits[:, :-1].mT, labels[:, 1:], ignore_index=_IGNORED, reduction="none")
    return (losses.sum(dim=1) / (labels != _IGNORED).sum(dim=1)).mean()


def _at_least_single(logits: torch.Tensor) -> torch.Tensor:
    return logits if logits.dtype == torch.float64 else logits.float()
