"""What the training benchmark fine-tunes: the demo, MiniLM on Banking77, Llamas of random weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import LlamaConfig, LlamaForCausalLM

from spex_data.data import Examples, make_examples, read_examples
from spex_data.embedded import demo_world, embedded_base_model
from spex_data.embedded.base_model import word_tokenizer
from spex_data.embedded.language import vocabulary
from spex_data.embedded.world import CORE
from spex_data.evaluation import Targets, make_targets
from spex_data.groups import Grouping, by_column
from spex_data.models import BaseModel, load_base_model
from spex_data.training import LoraRecipe, encode_examples

Masks = NDArray[np.bool_]
SHAPES = {
    "tiny": (128, 384, 4, 4),
    "0.1b": (768, 2048, 12, 12),
    "0.4b": (1024, 2816, 24, 16),
    "1b": (2048, 5632, 22, 32),
    "3b": (3072, 8192, 28, 24),
    "8b": (4096, 14336, 32, 32),
}
"""Hidden size, width of the MLP, blocks, heads."""


@dataclass(frozen=True)
class Workload:
    """Something to fine-tune, how, and how many masks a round trains where many are trained at once."""

    name: str
    base: BaseModel
    examples: Examples
    grouping: Grouping
    recipe: LoraRecipe
    targets: Targets
    at_once: int = 32

    def kept_tokens(self, masks: Masks) -> float:
        """Tokens that the fine-tunes of these masks read."""
        lengths = np.array([len(tokens) for tokens in encode_examples(self.base, self.examples).tokens])
        return float((self.grouping.present(masks) @ lengths).sum() * self.recipe.epochs)


def demo(device: str) -> Workload:
    world = demo_world(0)
    grouping = by_column(world.examples.ids, world.examples.columns["group"], core=[CORE])
    recipe = LoraRecipe(
        rank=4,
        alpha=8,
        target_modules=("q_proj", "v_proj", "o_proj", "up_proj", "down_proj"),
        learning_rate=5e-3,
        epochs=6,
        batch_size=16,
    )
    base = embedded_base_model(0, device=device)
    return Workload("demo", base, world.examples, grouping, recipe, world.targets)


def banking77(path: str, device: str) -> Workload:
    examples = read_examples(
        path,
        task="classification",
        input_column="text",
        output_column="category",
        limit={"per": "category", "rows": 8},
    )
    chosen = sorted(set(examples.outputs))[:20]
    examples = examples.select([row for row, label in enumerate(examples.outputs) if label in chosen])
    base = load_base_model("minilm", task="classification", labels=examples.labels, device=device)
    grouping = by_column(examples.ids, examples.columns["category"])
    recipe = LoraRecipe(rank=8, alpha=16, target_modules=("query", "value"), learning_rate=1e-2, epochs=2)
    targets = first_examples(examples, 20)
    return Workload("MiniLM, Banking77", base, examples, grouping, recipe, targets, at_once=8)


def random_llama(
    shape: str, device: str, dtype: torch.dtype, *, examples: int = 128, words: int = 16
) -> Workload:
    """A Llama of random weights (only speed means anything) on texts of random words."""
    hidden, width, blocks, heads = SHAPES[shape]
    tokenizer = word_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=width,
        num_hidden_layers=blocks,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        pad_token_id=tokenizer.pad_token_id,
        max_position_embeddings=4096,
    )
    with torch.random.fork_rng(), torch.device(device):
        torch.manual_seed(0)
        model = LlamaForCausalLM(config)
    cast(torch.nn.Module, model).to(dtype=dtype).eval().requires_grad_(False)
    base = BaseModel(
        model, tokenizer, "causal-lm", (), "", device, str(dtype).removeprefix("torch."), f"random {shape}"
    )
    draw = np.random.default_rng(0)
    texts = [" ".join(draw.choice(vocabulary(), size=words - 2)) for _ in range(examples)]
    drawn = make_examples("causal-lm", texts, list(draw.choice(vocabulary(), size=examples)))
    grouping = by_column(drawn.ids, [f"g{row % 16}" for row in range(examples)])
    recipe = LoraRecipe(rank=8, alpha=16, target_modules=("q_proj", "v_proj"), epochs=2)
    return Workload(f"random {shape}", base, drawn, grouping, recipe, first_examples(drawn, 4))


def first_examples(examples: Examples, count: int) -> Targets:
    return make_targets(examples.task, examples.inputs[:count], examples.outputs[:count])


def depths(work: Workload) -> Iterator[Workload]:
    """Last block, top half and all blocks adapted; what is the same comes once."""
    blocks = int(work.base.model.config.num_hidden_layers)
    for layers in dict.fromkeys(["last-1", f"last-{max(1, blocks // 2)}", "all"]):
        yield replace(work, recipe=replace(work.recipe, layers=layers))
