from __future__ import annotations

import pytest

from spex_data.data import make_examples
from spex_data.errors import TrainingError
from spex_data.training import encode_examples
from tests.training.tiny_models import LABELS, tiny_model

BOS = 1


def words(base, text):
    return tuple(base.tokenizer(text, add_special_tokens=False)["input_ids"])


class TestCompletions:
    """Prompt and completion, tokenised apart and joined."""

    def test_the_completion_follows_the_prompt_without_special_tokens(self):
        base = tiny_model()
        encoded = encode_examples(base, make_examples("causal-lm", ["red lamp", "a"], ["is green", "knob"]))
        assert encoded.tokens == (
            (BOS, *words(base, "red lamp is green")),
            (BOS, *words(base, "a knob")),
        )
        assert encoded.answers == (words(base, "is green"), words(base, "knob"))

    def test_the_start_is_the_position_that_predicts_the_first_completion_token(self):
        encoded = encode_examples(tiny_model(), make_examples("causal-lm", ["red lamp", "a"], ["is", "knob"]))
        assert encoded.starts == (2, 1)

    def test_no_end_of_text_token_is_added(self):
        base = tiny_model("gpt2")
        encoded = encode_examples(base, make_examples("causal-lm", ["red"], ["green"]))
        assert encoded.tokens[0][-1] == words(base, "green")[0]

    def test_an_example_that_is_too_long_is_refused_with_both_lengths(self):
        examples = make_examples("causal-lm", ["a", "red " * 20], ["a", "green " * 10])
        with pytest.raises(TrainingError, match="row 1 has 31 tokens, and the model reads 16"):
            encode_examples(tiny_model(), examples)

    def test_a_completion_without_tokens_is_refused(self):
        base = tiny_model()
        base.tokenizer.backend_tokenizer.normalizer = no_letters("green")
        examples = make_examples("causal-lm", ["red", "red"], ["red", "green"])
        with pytest.raises(TrainingError, match="the completion of row 1, 'green', has no tokens"):
            encode_examples(base, examples)


class TestLabels:
    """A text and the number of its label."""

    def test_the_answer_is_the_number_of_the_label(self):
        examples = make_examples("classification", ["red", "green lamp"], ["wait", "go"])
        encoded = encode_examples(tiny_model("bert"), examples)
        assert encoded.answers == ((LABELS.index("wait"),), (LABELS.index("go"),))
        assert [len(tokens) for tokens in encoded.tokens] == [2, 3]

    def test_a_text_longer_than_the_model_reads_is_cut(self):
        examples = make_examples("classification", ["red " * 40], ["go"])
        assert [len(tokens) for tokens in encode_examples(tiny_model("bert"), examples).tokens] == [16]

    def test_a_label_that_the_model_has_no_output_for_is_named_with_its_row(self):
        examples = make_examples("classification", ["red", "blue"], ["go", "fly"])
        with pytest.raises(TrainingError, match="row 1 has the label 'fly'"):
            encode_examples(tiny_model("bert"), examples)


def no_letters(word):
    from tokenizers import normalizers

    return normalizers.Replace(word, "")
