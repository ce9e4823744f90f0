"""How many tokens a model reads."""

from __future__ import annotations

from dataclasses import replace

import pytest
from transformers import AutoConfig, AutoModelForSequenceClassification

from spex_data.models import context_length
from tests.training.tiny_models import tiny_model, word_tokenizer

SMALL = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


def base_of(kind, limit=10**30, **sizes):
    tokenizer = word_tokenizer()
    tokenizer.model_max_length = limit
    config = AutoConfig.for_model(kind, **(sizes if kind == "xlnet" else SMALL | sizes))
    model = AutoModelForSequenceClassification.from_config(config)
    return replace(tiny_model("bert"), model=model, tokenizer=tokenizer)


class TestContextLength:
    """The least of what tokenizer, configuration and table of positions allow; None where none says so."""

    def test_the_least_counts(self):
        assert context_length(base_of("bert", max_position_embeddings=24)) == 24
        assert context_length(base_of("bert", limit=12, max_position_embeddings=24)) == 12

    @pytest.mark.parametrize("kind", ["roberta", "xlm-roberta", "mpnet"])
    def test_positions_that_begin_after_the_padding_are_fewer_than_the_table(self, kind):
        assert context_length(base_of(kind, max_position_embeddings=24, pad_token_id=1)) == 22

    def test_a_model_without_a_limit_has_none(self):
        sizes = {"vocab_size": 40, "d_model": 16, "n_layer": 1, "n_head": 2, "d_inner": 24}
        assert context_length(base_of("xlnet", **sizes)) is None
