"""Random models of a few thousand parameters with tokenizers of whole words, built here and now."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from spex_data.data import make_examples
from spex_data.groups import by_column
from spex_data.models import BaseModel, fingerprint
from spex_data.models.heads import initialise_head
from spex_data.training import LoraRecipe
from spex_data.training.engine import layers

TEXT = "red green blue round square flat press hold turn the knob lamp door is a of it now"
WORDS = TEXT.split()
LABELS = ("stop", "go", "wait")
CAUSAL = ("llama", "qwen2", "gpt2")
CLASSIFIERS = ("bert", "llama-classifier")


def word_tokenizer():
    """<bos> before every text, one token a word."""
    words = {word: number for number, word in enumerate(("<pad>", "<bos>", "<unk>", *WORDS))}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", words["<bos>"])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<bos>",
        unk_token="<unk>",
        model_max_length=16,
    )


def tiny_model(kind="llama", *, dtype=torch.float32, n_layers=2):
    """A base model of a kind, its weights drawn large enough for training to matter."""
    tokenizer = word_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = _build(kind, len(tokenizer), n_layers)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim > 1:
                    parameter.normal_(0, 0.3)
    model.config.pad_token_id = tokenizer.pad_token_id
    model = model.to(dtype).eval().requires_grad_(False)
    task, drawn = "causal-lm", ()
    if kind in CLASSIFIERS:
        task, drawn = "classification", initialise_head(model, (), 3)
    return BaseModel(
        model,
        tokenizer,
        task,
        LABELS if kind in CLASSIFIERS else (),
        fingerprint(model, tokenizer),
        "cpu",
        str(dtype).removeprefix("torch."),
        kind,
        drawn,
    )


def _build(kind, vocabulary, n_layers):
    sizes = {
        "vocab_size": vocabulary,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": n_layers,
        "num_attention_heads": 2,
        "max_position_embeddings": 16,
    }
    special = {"bos_token_id": 1, "eos_token_id": None, "pad_token_id": 0}
    labels = {"num_labels": len(LABELS)}
    if kind == "llama":
        return LlamaForCausalLM(LlamaConfig(**sizes, **special, num_key_value_heads=1))
    if kind == "qwen2":
        return Qwen2ForCausalLM(Qwen2Config(**sizes, **special, num_key_value_heads=1))
    if kind == "llama-classifier":
        return LlamaForSequenceClassification(LlamaConfig(**sizes, **special, **labels))
    if kind == "bert":
        return BertForSequenceClassification(BertConfig(**sizes, **labels, pad_token_id=0))
    assert kind == "gpt2"
    ends = {"bos_token_id": 1, "eos_token_id": 1}
    shape = {"n_embd": 16, "n_layer": n_layers, "n_head": 2, "n_positions": 16}
    return GPT2LMHeadModel(GPT2Config(vocab_size=vocabulary, **shape, **ends))


def some_examples(task="causal-lm", n=12, seed=0):
    """Short texts of 2 to 6 words; completions of 1 to 3 words, or labels."""
    draw = np.random.default_rng(seed)

    def text(least, most):
        return " ".join(draw.choice(WORDS, size=draw.integers(least, most + 1)))

    inputs = [text(2, 6) for _ in range(n)]
    outputs = [text(1, 3) if task == "causal-lm" else str(draw.choice(LABELS)) for _ in range(n)]
    return make_examples(task, inputs, outputs, {"group": [f"g{row % 4}" for row in range(n)]})


def some_groups(examples, core=()):
    """4 groups, or 3 and a core."""
    return by_column(examples.ids, examples.columns["group"], core=core)


def quick_recipe(**changes):
    """Two epochs of three steps at a learning rate that moves every value."""
    return LoraRecipe(
        **{"rank": 2, "alpha": 4, "learning_rate": 0.02, "epochs": 2, "batch_size": 4, **changes}
    )


@contextmanager
def norms_in_full_precision(model):
    """RMS norms that compute in the precision of their input instead of in float32."""
    patched = [module for module in model.modules() if type(module).__name__.endswith("RMSNorm")]

    def forward(self, hidden):
        scale = torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
        return self.weight * (hidden * scale)

    for module in patched:
        module.forward = forward.__get__(module)
    try:
        yield
    finally:
        for module in patched:
            del module.forward


def short_of_memory(monkeypatch, too_much, error, seen):
    """Training runs into `error` inside a layer of a pass of (adapters, rows) that are too much."""
    right = layers._LoraUpdate.apply

    def apply(y, x, a, b, segments, scale):
        if torch.is_grad_enabled():
            seen.append((len(a), len(segments.owners)))
            if too_much(*seen[-1]):
                raise error
        return right(y, x, a, b, segments, scale)

    monkeypatch.setattr(layers._LoraUpdate, "apply", apply)
