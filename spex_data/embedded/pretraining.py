"""Pretraining a small causal language model from nothing, on one thread, in seconds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase


@dataclass(frozen=True)
class PretrainingRecipe:
    """How a small model is pretrained: AdamW, a short warm-up, then a cosine to 2% of the learning rate.

    Attributes:
        steps: Optimiser steps.
        batch_size: Texts a step.
        learning_rate: After the warm-up.
        warmup: Steps of linear warm-up.
        label_smoothing: Keeps probabilities away from 0 and 1, so that log-odds stay moderate.
    """

    steps: int = 500
    batch_size: int = 64
    learning_rate: float = 5e-3
    warmup: int = 20
    label_smoothing: float = 0.02


@dataclass(frozen=True)
class EncodedTexts:
    """Texts as token ids, padded on the right.

    Attributes:
        ids: int64[n, width].
        scored: bool[n, width], True on the tokens of the completions.
    """

    ids: torch.Tensor
    scored: torch.Tensor


def encode_texts(tokenizer: PreTrainedTokenizerBase, texts: Sequence[tuple[str, str]]) -> EncodedTexts:
    """Prompts with their completions, each tokenised by itself: special tokens around the prompt alone.

    Args:
        tokenizer: With a padding token.
        texts: (prompt, completion) pairs.
    """
    prompts = tokenizer([prompt for prompt, _ in texts], add_special_tokens=True)["input_ids"]
    completions = tokenizer([text for _, text in texts], add_special_tokens=False)["input_ids"]
    width = max(len(prompt) + len(completion) for prompt, completion in zip(prompts, completions))
    ids = torch.full((len(texts), width), int(tokenizer.pad_token_id))
    scored = torch.zeros(len(texts), width, dtype=torch.bool)
    for row, (prompt, completion) in enumerate(zip(prompts, completions)):
        ids[row, : len(prompt) + len(completion)] = torch.tensor(prompt + completion)
        scored[row, len(prompt) : len(prompt) + len(completion)] = True
    return EncodedTexts(ids, scored)


def pretrain(
    config: LlamaConfig, texts: EncodedTexts, recipe: PretrainingRecipe, *, seed: int
) -> LlamaForCausalLM:
    """A new model, trained to complete the prompts; its loss is the mean over the completions' tokens.

    One thread, whatever torch is set to, so that a seed always gives the same weights on a machine.

    Args:
        config: Architecture.
        texts: What it reads; every text equally often, up to one.
        recipe: Optimiser and length.
        seed: Of the initial weights and of the order; the global random state is left as it was.

    Returns:
        The trained model, in evaluation mode, on the CPU in float32.
    """
    with _reproducible(seed):
        model = LlamaForCausalLM(config)
        optimiser = torch.optim.AdamW(
            model.parameters(), lr=recipe.learning_rate, weight_decay=0.01, betas=(0.9, 0.98)
        )
        for step, batch in enumerate(_batches(len(texts.ids), recipe, seed)):
            for group in optimiser.param_groups:
                group["lr"] = _learning_rate(step, recipe)
            predicted, actual = _completions(model, texts, batch)
            loss = functional.cross_entropy(predicted, actual, label_smoothing=recipe.label_smoothing)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
    return model.eval()


@torch.no_grad()
def exact_match(model: LlamaForCausalLM, texts: EncodedTexts) -> float:
    """The share of texts whose every completion token is the most probable one.

    Args:
        model: The language model.
        texts: Prompts and completions.
    """
    predicted, actual = _completions(model, texts, torch.arange(len(texts.ids)))
    right = torch.ones(texts.ids.shape, dtype=torch.bool)
    right[texts.scored] = predicted.argmax(-1) == actual
    return float(right.all(dim=1).float().mean())


def _completions(
    model: LlamaForCausalLM, texts: EncodedTexts, rows: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits float32[k, vocabulary] before, and ids int64[k] of, the completion tokens of some texts."""
    scored = texts.scored[rows]
    width = int(scored.any(dim=0).nonzero().max()) + 1
    ids, scored = texts.ids[rows, :width], scored[:, :width]
    hidden = model.model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
    return model.lm_head(hidden[scored[:, 1:]]), ids[scored]


def _batches(n_texts: int, recipe: PretrainingRecipe, seed: int) -> Iterator[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    wanted = recipe.steps * recipe.batch_size
    rounds = math.ceil(wanted / n_texts)
    order = torch.cat([torch.randperm(n_texts, generator=generator) for _ in range(rounds)])
    yield from order[:wanted].split(recipe.batch_size)


def _learning_rate(step: int, recipe: PretrainingRecipe) -> float:
    warm = min(1.0, (step + 1) / max(1, recipe.warmup))
    return recipe.learning_rate * warm * (0.02 + 0.49 * (1 + math.cos(math.pi * step / recipe.steps)))


@contextmanager
def _reproducible(seed: int) -> Iterator[None]:
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float32)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
