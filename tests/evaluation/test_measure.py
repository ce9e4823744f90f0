from __future__ import annotations

import numpy as np
import pytest
import torch
from tokenizers import normalizers

from spex_data.errors import TargetError
from spex_data.evaluation import encode_targets, evaluate_targets, make_targets
from tests.training.tiny_models import CAUSAL, CLASSIFIERS, LABELS, some_examples, tiny_model


def some_targets(base, n=9, outputs="log-prob", **parts):
    asked = some_examples(base.task, n=n, seed=4)
    return make_targets(base.task, asked.inputs, asked.outputs, outputs=outputs, **parts)


def plain_log_probability(base, prompt, answer):
    """log p(answer | prompt), one unpadded pass, all positions through the head."""
    tokens = base.tokenizer(prompt)["input_ids"]
    after = base.tokenizer(answer, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logits = base.model(input_ids=torch.tensor([tokens + after])).logits[0].double()
    scores = logits.log_softmax(-1)[len(tokens) - 1 : -1]
    return float(scores[torch.arange(len(after)), torch.tensor(after)].sum())


class TestCausal:
    """The probability of an answer is that of its tokens, one after the other."""

    @pytest.mark.parametrize("kind", CAUSAL)
    def test_a_batch_gives_what_each_target_gives_alone_and_unpadded(self, kind):
        base = tiny_model(kind)
        targets = some_targets(base)
        expected = [
            plain_log_probability(base, prompt, answer)
            for prompt, answer in zip(targets.inputs, targets.answers, strict=True)
        ]
        np.testing.assert_allclose(evaluate_targets(base.model, base, targets), expected, atol=1e-5)

    def test_the_probabilities_of_all_words_sum_to_one(self):
        base = tiny_model()
        words = sorted(base.tokenizer.get_vocab(), key=base.tokenizer.get_vocab().get)
        targets = make_targets("causal-lm", ["red lamp"] * len(words), words, outputs="probability")
        assert evaluate_targets(base.model, base, targets).sum() == pytest.approx(1, abs=1e-6)

    def test_only_scored_positions_go_through_the_head(self):
        base, seen = tiny_model(), []
        targets = some_targets(base)
        hook = base.model.lm_head.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].shape))
        evaluate_targets(base.model, base, targets)
        hook.remove()
        assert [shape[:2].numel() for shape in seen] == [sum(map(len, encode_targets(base, targets).answers))]

    def test_more_targets_than_a_pass_holds_are_all_measured(self):
        base = tiny_model()
        targets = some_targets(base, n=150)
        few = make_targets("causal-lm", targets.inputs[:3], targets.answers[:3], outputs="log-prob")
        values = evaluate_targets(base.model, base, targets)
        assert values.shape == (150,)
        np.testing.assert_allclose(values[:3], evaluate_targets(base.model, base, few), atol=1e-5)


class TestClassification:
    """The probability of an answer is that of its label."""

    @pytest.mark.parametrize("kind", CLASSIFIERS)
    def test_the_probabilities_of_all_labels_sum_to_one_in_a_batch_of_unlike_lengths(self, kind):
        base = tiny_model(kind)
        texts = [text for text in some_examples(base.task, n=8).inputs for _ in LABELS]
        targets = make_targets(base.task, texts, list(LABELS) * 8, outputs="probability")
        values = evaluate_targets(base.model, base, targets).reshape(8, -1)
        np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-6)
        with torch.no_grad():
            alone = base.model(input_ids=torch.tensor([base.tokenizer(texts[-1])["input_ids"]])).logits
        np.testing.assert_allclose(values[-1], alone[0].softmax(-1), atol=1e-5)

    def test_a_label_that_the_model_does_not_know_is_named_with_its_target(self):
        base = tiny_model("bert")
        targets = make_targets(base.task, ["red"], ["fly"], names=["q"])
        with pytest.raises(TargetError, match="target 'q': has the label 'fly'"):
            evaluate_targets(base.model, base, targets)


class TestContrast:
    """Answer and foil are asked in the same pass."""

    def test_it_is_the_difference_of_the_two_log_probabilities(self):
        base = tiny_model()
        inputs, answers, foils = ["red lamp", "the"], ["is green", "knob"], ["a", "door is"]
        value = evaluate_targets(
            base.model, base, make_targets("causal-lm", inputs, answers, foils=foils, outputs="contrast")
        )
        parts = [
            evaluate_targets(base.model, base, make_targets("causal-lm", inputs, texts, outputs="log-prob"))
            for texts in (answers, foils)
        ]
        np.testing.assert_allclose(value, parts[0] - parts[1], atol=1e-5)


class TestRefusals:
    """A target that cannot be measured is named."""

    def test_an_answer_without_tokens(self):
        base = tiny_model()
        base.tokenizer.backend_tokenizer.normalizer = normalizers.Replace("zzz", "")
        targets = make_targets("causal-lm", ["red"], ["zzz"], names=["q"])
        with pytest.raises(TargetError, match="target 'q': its answer has no tokens"):
            evaluate_targets(base.model, base, targets)

    def test_one_that_is_too_long(self):
        targets = make_targets("causal-lm", ["red " * 20], ["green"], names=["q"])
        with pytest.raises(TargetError, match=r"target 'q': has 22 tokens with its answer.*reads 16"):
            evaluate_targets(tiny_model().model, tiny_model(), targets)

    def test_targets_of_another_task(self):
        base = tiny_model()
        with pytest.raises(TargetError, match="are for classification, and the model is for causal-lm"):
            evaluate_targets(base.model, base, make_targets("classification", ["red"], ["go"]))
