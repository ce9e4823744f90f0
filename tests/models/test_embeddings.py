from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spex_data.models import embed_texts, load_base_model

TEXTS = st.lists(st.sampled_from(["the", "cat", "sat", "slept", "dog"]), min_size=1, max_size=6).map(" ".join)


@pytest.fixture(scope="module", params=["llama", "bert"])
def base(request):
    folder = request.getfixturevalue(request.param)
    options = (
        {"task": "causal-lm"} if request.param == "llama" else {"task": "classification", "labels": "ab"}
    )
    return load_base_model(str(folder), device="cpu", **options)


class TestEmbedTexts:
    """A text's embedding is the mean of the last hidden states over its own tokens."""

    def test_it_is_the_mean_over_the_tokens(self, base):
        with torch.no_grad():
            encoded = base.tokenizer("the cat sat", return_tensors="pt")
            hidden = base.model.base_model(input_ids=encoded["input_ids"]).last_hidden_state
        expected = hidden[0].mean(0).numpy()
        np.testing.assert_allclose(embed_texts(base, ["the cat sat"])[0], expected, atol=1e-5)

    @settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(texts=st.lists(TEXTS, min_size=1, max_size=7), batch_size=st.integers(1, 8))
    def test_neither_its_neighbours_nor_the_batch_size_change_it(self, base, texts, batch_size):
        together = embed_texts(base, texts, batch_size)
        alone = np.concatenate([embed_texts(base, [text]) for text in texts])
        np.testing.assert_allclose(together, alone, atol=1e-5)

    def test_no_texts_give_no_rows(self, base):
        found = embed_texts(base, [])
        assert found.shape == (0, 16)
        assert found.dtype == np.float32

    def test_a_text_longer_than_the_context_is_cut(self, base):
        longest = embed_texts(base, ["cat " * 32])
        np.testing.assert_allclose(embed_texts(base, ["cat " * 50]), longest, atol=1e-5)
