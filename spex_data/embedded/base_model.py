"""The demo's base model: a small Llama with a tokenizer of whole words, pretrained here and kept on disk."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from spex_data.embedded.language import Text, draw_catalogue, pretraining_texts, vocabulary
from spex_data.embedded.pretraining import PretrainingRecipe, encode_texts, pretrain
from spex_data.errors import ModelError
from spex_data.models import BaseModel, load_base_model
from spex_data.models.quiet import quietly

CACHE_VARIABLE = "SPEX_DATA_CACHE"
_SPECIAL = ("<pad>", "<bos>", "<unk>")
_SHAPE: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 192,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 32,
    "tie_word_embeddings": True,
}


def embedded_base_model(
    seed: int,
    cache_dir: str | Path | None = None,
    device: str = "cpu",
    *,
    recipe: PretrainingRecipe | None = None,
) -> BaseModel:
    """The language model of a demo world: from the cache, or pretrained now and put there.

    The weights follow from the seed, the texts and the recipe, whose hash names the folder in the cache; a
    folder appears there whole or not at all.

    Args:
        seed: Of the world, as in `demo_world`.
        cache_dir: Where models are kept; by default $SPEX_DATA_CACHE, else the user's cache folder.
        device: As for `load_base_model`.
        recipe: Of the pretraining; the default one takes some seconds.

    Returns:
        A causal language model of about 115,000 parameters.

    Raises:
        ModelError: If the cache cannot be written.
    """
    recipe = recipe or PretrainingRecipe()
    texts = pretraining_texts(draw_catalogue(seed))
    cache = default_cache() if cache_dir is None else Path(cache_dir)
    folder = cache / f"embedded-{seed}-{_name(texts, recipe)}"
    if not folder.is_dir():
        try:
            _build(folder, texts, recipe, seed)
        except OSError as error:
            raise ModelError(
                f"the embedded model cannot be kept there ({error})",
                where=str(cache),
                instead=f"set {CACHE_VARIABLE} to a folder that can be written and has 1 MB free",
            ) from error
    return replace(load_base_model(str(folder), task="causal-lm", device=device), source="embedded")


def default_cache() -> Path:
    """Where models built on this machine are kept: $SPEX_DATA_CACHE, else the user's cache folder."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spex-data"


def word_tokenizer() -> PreTrainedTokenizerFast:
    """One token a word or mark, whatever its case; <bos> before a text with special tokens."""
    words = {word: number for number, word in enumerate((*_SPECIAL, *vocabulary()))}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", words["<bos>"])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<bos>", unk_token="<unk>"
    )


def _build(folder: Path, texts: list[Text], recipe: PretrainingRecipe, seed: int) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        tokenizer = word_tokenizer()
        model = pretrain(_config(tokenizer), encode_texts(tokenizer, texts), recipe, seed=seed)
        _save(model, tokenizer, unfinished)
        try:
            unfinished.rename(folder)
        except OSError:
            # Another process built the same one in the meantime.
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    with quietly():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _config(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=None,
        pad_token_id=tokenizer.pad_token_id,
        **_SHAPE,
    )


def _name(texts: list[Text], recipe: PretrainingRecipe) -> str:
    content = json.dumps([_SHAPE, vocabulary(), texts, asdict(recipe)])
    return hashlib.sha256(content.encode()).hexdigest()[:16]
