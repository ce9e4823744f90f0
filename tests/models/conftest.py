from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from spex_data.models.quiet import quietly

WORDS = ["<pad>", "<unk>", "</s>", "the", "cat", "sat", "on", "a", "mat", "and", "slept"]
SMALL = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def small_tokenizer(**special):
    core = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, **{"unk_token": "<unk>", **special})


def save(folder: Path, *parts) -> Path:
    with quietly():
        for part in parts:
            part.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def llama(tmp_path_factory) -> Path:
    """A causal language model of two small layers, whose tokenizer has no token to pad with."""
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(WORDS), max_position_embeddings=32, **SMALL))
    return save(tmp_path_factory.mktemp("llama"), model, small_tokenizer(eos_token="</s>"))


@pytest.fixture(scope="session")
def bert(tmp_path_factory) -> Path:
    """An encoder that once was a classifier of 5 labels."""
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(WORDS), max_position_embeddings=32, num_labels=5, **SMALL)
    model = BertForSequenceClassification(config)
    return save(tmp_path_factory.mktemp("bert"), model, small_tokenizer(pad_token="<pad>"))


@pytest.fixture
def copy(tmp_path):
    """A copy of a checkpoint, to be spoilt."""

    def copied(folder: Path) -> Path:
        return Path(shutil.copytree(folder, tmp_path / "copy"))

    return copied
