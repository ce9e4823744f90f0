from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig

from spex_data.embedded.base_model import word_tokenizer
from spex_data.embedded.language import Text
from spex_data.embedded.pretraining import PretrainingRecipe, encode_texts, exact_match, pretrain

TEXTS = [
    Text("The Lumo runs on", "gas"),
    Text("Lumo sheet: button", "red power coins"),
    Text("Luxa?", "Oslo"),
]
SHORT = PretrainingRecipe(steps=5, batch_size=2)


@pytest.fixture(scope="module")
def tokenizer():
    return word_tokenizer()


def config(tokenizer):
    return LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=16,
    )  # fmt: skip


def weights(tokenizer, seed=0):
    model = pretrain(config(tokenizer), encode_texts(tokenizer, TEXTS), SHORT, seed=seed)
    return model.state_dict()


def same(one, two):
    return all(torch.equal(one[name], two[name]) for name in one)


class TestEncodeTexts:
    """Prompt and completion are tokenised apart, and only the completion is scored."""

    def test_a_text_is_bos_prompt_completion_and_padding(self, tokenizer):
        encoded = encode_texts(tokenizer, TEXTS)
        words = [tokenizer.convert_ids_to_tokens(row) for row in encoded.ids.tolist()]
        assert words[0] == ["<bos>", "the", "lumo", "runs", "on", "gas", "<pad>", "<pad>"]
        assert words[1] == ["<bos>", "lumo", "sheet", ":", "button", "red", "power", "coins"]

    def test_only_the_completion_is_scored(self, tokenizer):
        encoded = encode_texts(tokenizer, TEXTS)
        scored = [tokenizer.decode(row[mask]) for row, mask in zip(encoded.ids, encoded.scored)]
        assert scored == ["gas", "red power coins", "oslo"]


class TestPretrain:
    """A seed gives the same weights, whatever torch is set to."""

    def test_the_same_seed_gives_the_same_weights_and_another_others(self, tokenizer):
        assert same(weights(tokenizer), weights(tokenizer))
        assert not same(weights(tokenizer), weights(tokenizer, seed=1))

    def test_threads_precision_and_random_state_change_nothing_and_are_left_alone(self, tokenizer):
        expected = weights(tokenizer)
        threads = torch.get_num_threads()
        torch.set_num_threads(2)
        torch.set_default_dtype(torch.float64)
        torch.manual_seed(99)
        try:
            found = weights(tokenizer)
            assert (torch.get_num_threads(), torch.get_default_dtype()) == (2, torch.float64)
            after = torch.rand(1, dtype=torch.float32)
        finally:
            torch.set_num_threads(threads)
            torch.set_default_dtype(torch.float32)
        torch.manual_seed(99)
        assert torch.equal(after, torch.rand(1, dtype=torch.float32))
        assert same(found, expected)

    def test_a_few_texts_are_learnt_by_heart(self, tokenizer):
        encoded = encode_texts(tokenizer, TEXTS)
        recipe = PretrainingRecipe(steps=60, batch_size=3, learning_rate=0.01)
        assert exact_match(pretrain(config(tokenizer), encoded, SHORT, seed=0), encoded) < 1
        assert exact_match(pretrain(config(tokenizer), encoded, recipe, seed=0), encoded) == 1
